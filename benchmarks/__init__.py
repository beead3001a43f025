"""What avp-py costs, compared with argocd-vault-plugin: `make bench`, or `python -m benchmarks`.

cases.py has the cases as data, inputs.py what they render, programs.py how both programs are
started, runner.py measures, and report.py writes what was found. scale.py has the cases below the
real Argo CD (`make scale`). proxy.py and sampler.py are processes of their own, so that they take
no time of the one that measures.
"""

import tests  # noqa: F401 - before gRPC: it sets how that behaves in forked processes
