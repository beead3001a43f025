"""A folder with a kustomization."""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from avp_py.errors import ChildError, RenderError, ToolMissingError
from avp_py.render.guard import lay_guard
from avp_py.render.images import image_arguments
from avp_py.render.interface import Rendered, Renderer
from avp_py.render.kustomization import FILE_NAMES, Roots, find_roots, kustomization_files
from avp_py.render.limits import Limits
from avp_py.render.process import environment, run, without_network
from avp_py.render.remote import is_local_git
from avp_py.render.repository import Repository, find_repository, refuse_outside
from avp_py.render.shadow import make_shadow, shadow_of
from avp_py.render.tools import find_tool, require_tool
from avp_py.render.workspace import Workspace, open_workspace
from avp_py.settings import RenderSettings


class KustomizeRenderer(Renderer):
    """`kustomize edit set annotation`, `kustomize edit set image`, `kustomize build`.

    The edits are kustomize's own, made in a shadow of the folder. A folder that needs no edit and
    has no chart, which kustomize would pull into the folder, is built where it stands.
    """

    def __init__(
        self, path: Path, settings: RenderSettings, limits: Limits, environ: Mapping[str, str]
    ) -> None:
        self._path = path
        self._settings = settings
        self._limits = limits
        self._environ = environ

    def render(self) -> Sequence[Rendered]:
        """Builds the kustomization, with the images and the annotation that the settings give."""
        folder = self._path.resolve()
        if not kustomization_files(folder):
            raise RenderError(
                f"{self._path} holds none of {', '.join(FILE_NAMES)}",
                hint="name the folder of the kustomization, or choose another --render",
            )
        edits = self._edits()
        program = self._program(bool(edits))
        repository = find_repository(folder, self._settings.source_path)
        roots = find_roots(folder)
        self._refuse(roots, repository)
        with open_workspace() as workspace:
            build = [*program, *self._build_flags(roots, repository, workspace), "."]
            env = environment(self._environ, self._settings.environment, workspace.variables)
            if not self._settings.network:
                env = without_network(env, workspace)
            if edits or roots.needs_helm:
                folder = _lay_shadow(folder, roots, workspace.tree, self._limits.files)
            for argv in (*([program[0], *edit] for edit in edits), build):
                output = self._run(argv, folder, env, workspace)
        if roots.unread:
            name = os.path.relpath(roots.unread[0], self._path.resolve())
            raise RenderError(
                f"{name} is YAML to kustomize only, so that what it refers to cannot be checked",
                hint="write it in plain YAML 1.2",
            )
        if not output.strip():
            raise RenderError(
                "kustomize build printed nothing: the kustomization renders no manifest",
                hint="name manifests under resources in the kustomization",
            )
        return (Rendered("the rendered manifests", output),)

    def _run(
        self, argv: Sequence[str], folder: Path, env: Mapping[str, str], workspace: Workspace
    ) -> bytes:
        hide = (str(workspace.tree), f"{workspace.programs}/")
        try:
            return run(argv, cwd=folder, env=env, limits=self._limits, hide=hide)
        except ChildError as error:
            if self._settings.network:
                raise
            hint = f"{error.hint}; AVP_RENDER_NETWORK forbids remote bases and charts"
            raise ChildError(error.reason, hint=hint, detail=error.detail) from None

    def _refuse(self, roots: Roots, repository: Repository) -> None:
        """Refuses what kustomize would read and may not, as far as it can be known beforehand.

        Raises:
            RenderError: a folder outside of the repository, a git repository of this machine,
                something remote where the network is forbidden, a FIFO, a device, a huge file.
        """
        for folder in roots.folders:
            refuse_outside(folder, repository, f"the kustomization in {folder}")
        for remote in roots.remotes:
            if is_local_git(remote):
                raise RenderError(
                    "a kustomization names a git repository of this machine (file://…)",
                    hint="name its folder, or its address on the network",
                )
            if not self._settings.network:
                raise RenderError(
                    f"the kustomization names {_shown(remote)}, and nothing remote may be fetched",
                    hint="put it into the repository; the operator's setting AVP_RENDER_NETWORK "
                    "permits it",
                )
        for path in (*roots.files, *sorted(roots.named)):
            target = Path(os.path.realpath(path))
            if repository.is_known and not target.is_relative_to(repository.root):
                # Kustomize reads no file outside of its kustomization's folder.
                continue
            self._refuse_odd(path)

    def _refuse_odd(self, path: Path) -> None:
        try:
            status = path.stat()
        except OSError:
            return
        name = os.path.relpath(path, self._path.resolve())
        if stat.S_ISREG(status.st_mode):
            if status.st_size > self._limits.input_bytes:
                raise RenderError(
                    f"{name} is larger than {self._limits.input_bytes} bytes",
                    hint="the operator's setting AVP_MAX_INPUT says how large a file may be",
                )
        elif not stat.S_ISDIR(status.st_mode):
            raise RenderError(
                f"{name} is neither a file nor a folder", hint="remove it from the kustomization"
            )

    def _edits(self) -> Sequence[Sequence[str]]:
        """The edits as arguments of kustomize, in the order of the shell pipeline in use."""
        settings = self._settings
        edits: list[Sequence[str]] = []
        if settings.app_repo:
            annotation = f"{settings.annotation_key}:{settings.app_repo}"
            edits.append(("edit", "set", "annotation", "--", annotation))
        images = image_arguments(settings)
        if images:
            edits.append(("edit", "set", "image", "--", *images))
        return edits

    def _program(self, needs_edit: bool) -> Sequence[str]:
        """Kustomize and its build command; kubectl's where kustomize is missing and not needed."""
        settings = self._settings
        kustomize = find_tool("kustomize", settings.kustomize, self._environ)
        if kustomize is not None:
            return kustomize, "build"
        if not needs_edit:
            kubectl = find_tool("kubectl", settings.kubectl, self._environ)
            if kubectl is not None:
                return kubectl, "kustomize"
        raise ToolMissingError(
            f"kustomize is not there ({settings.kustomize} is not on PATH)"
            + (", and kubectl cannot set an image or annotation" if needs_edit else ""),
            hint="install kustomize, or name its path with AVP_KUSTOMIZE",
        )

    def _build_flags(
        self, roots: Roots, repository: Repository, workspace: Workspace
    ) -> Sequence[str]:
        settings = self._settings
        flags = ["--enable-helm"]
        # A base that kustomize fetches may have a chart that nobody sees beforehand.
        seek = require_tool if roots.needs_helm else find_tool
        helm = seek("helm", settings.helm, self._environ)
        if helm is not None:
            tops = [repository.root]
            if not repository.is_known:
                tops += [*roots.folders, *roots.homes]
            guard = lay_guard(helm, tops, workspace, self._limits, network=settings.network)
            flags.append(f"--helm-command={guard}")
        if settings.kube_version:
            flags.append(f"--helm-kube-version={settings.kube_version}")
        flags += [f"--helm-api-versions={version}" for version in settings.kube_api_versions]
        return flags


def _shown(remote: str) -> str:
    """A reference without what may be a password in it."""
    scheme, separator, rest = remote.partition("://")
    return (scheme + separator + rest.rpartition("@")[2])[:200]


def _lay_shadow(folder: Path, roots: Roots, tree: Path, files: int) -> Path:
    """Makes a shadow in which all that is written lies, and gives the folder's place in it.

    Raises:
        RenderError: a symlink or an absolute path leads out of the shadow to what is written.
    """
    # A chart of a base is pulled into the folder of that base.
    outside = [home for home in roots.homes if not home.is_relative_to(folder)]
    copied = roots.folders if outside else (folder,)
    make_shadow(copied, outside, roots.named.union(roots.folders), tree, files)
    shadow = shadow_of(folder, tree)
    homes = find_roots(shadow).homes if roots.needs_helm else frozenset()
    for written in (*homes, *kustomization_files(shadow)):
        if not Path(os.path.realpath(written)).is_relative_to(tree):
            name = os.path.relpath(written, shadow)
            raise RenderError(
                f"{name} is reached through a symlink or an absolute path that leads out of the "
                "folder, and would be written to",
                hint="put the file or folder itself where the link is, or name it relatively",
            )
    return shadow
