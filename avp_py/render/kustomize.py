"""A folder with a kustomization."""

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from avp_py.errors import ChildError, RenderError
from avp_py.limits import Limits
from avp_py.render.child import Child
from avp_py.render.edits import edit_kustomization
from avp_py.render.git_wrapper import GitWrapper
from avp_py.render.helm_arguments import api_version_arguments
from avp_py.render.helm_wrapper import HelmWrapper
from avp_py.render.images import image_arguments, unused_images
from avp_py.render.interface import Remotes, Rendered, Renderer, Source
from avp_py.render.kustomization import (
    FILE_NAMES,
    Roots,
    find_roots,
    kustomization_files,
    reach,
)
from avp_py.render.references import is_local_git
from avp_py.render.remote_files import RemoteFiles
from avp_py.render.repository import Repository, outside, real_path
from avp_py.render.staging import make_staging, original_path, staged_path
from avp_py.render.tools import find_builder, find_tool, log_version, require_tool
from avp_py.render.workspace import Workspace, open_workspace
from avp_py.render.wrappers import Wrappers
from avp_py.sandbox import Access, Questions, confines_files
from avp_py.settings import RenderSettings

_BUILD: Final = {"kustomize": "build", "kubectl": "kustomize"}
"""The command of each program that builds."""

_HELM_3_ONLY: Final = "this plugin requires helm V3 but got v4"
"""What kustomize says before 5.8.1 (api v0.21.0, HelmChartInflationGenerator.go), and kubectl with
such a kustomize in it."""


class KustomizeRenderer(Renderer):
    """`kustomize edit set annotation`, `kustomize edit set image`, `kustomize build`.

    The edits are made in a staging copy of the folder: by kustomize itself where the kustomization
    is not simple (edits.py). A folder that needs no edit and has no chart, which kustomize would
    pull into the folder, is built where it is.
    """

    name = "kustomize"

    def __init__(
        self,
        source: Source,
        repository: Repository,
        settings: RenderSettings,
        limits: Limits,
        environ: Mapping[str, str],
        remotes: Remotes,
    ) -> None:
        self._source = source
        self._repository = repository
        self._settings = settings
        self._limits = limits
        self._environ = environ
        self._remotes = remotes

    def render(self) -> Sequence[Rendered]:
        """Build the kustomization, with the images and the annotation of the settings."""
        folder = self._source.path.resolve()
        if not kustomization_files(folder):
            raise RenderError(
                f"{self._source} has no kustomization: none of {', '.join(FILE_NAMES)}",
                hint="name the folder of the kustomization, or choose another --render",
            )
        repository = self._repository
        roots = find_roots(folder, repository, self._limits.input_bytes)
        self._refuse(roots, repository, Path("/"))
        confined = confines_files(self._settings.sandbox)
        files = RemoteFiles(self._remotes.fetcher, self._limits.input_bytes, confined=confined)
        rewritten = files.fetch(roots)
        with open_workspace(self._environ) as workspace, closing(Questions()) as questions:
            wrappers = Wrappers(
                questions,
                files,
                self._helm_wrapper(roots, workspace, questions, confined=confined),
                self._git_wrapper(roots, workspace, questions, files),
            )
            output = self._run(folder, roots, rewritten, workspace, wrappers)
        if roots.unread:
            raise self._unread(roots.unread[0])
        if not output.strip():
            raise RenderError(
                "kustomize build printed nothing: the kustomization renders no manifest",
                hint="name manifests under resources in the kustomization",
            )
        unused = tuple(unused_images(self._settings, output))
        named = (file for each in roots.folders for file in kustomization_files(each))
        has_remotes = any(refers.remotes for _, refers in roots.references)
        return (
            Rendered(
                "the rendered manifests",
                output,
                (*unused, *wrappers.warnings),
                inputs=(*named, *roots.named),
                has_all_inputs=not (roots.needs_helm or has_remotes),
                root=repository.root if repository.is_known else Path("/"),
            ),
        )

    def _run(
        self,
        folder: Path,
        roots: Roots,
        rewritten: Sequence[Path],
        workspace: Workspace,
        wrappers: Wrappers,
    ) -> bytes:
        """Edit and build the kustomization; return what kustomize prints.

        Args:
            folder: its folder.
            roots: what it refers to.
            rewritten: the folders whose kustomizations name files by URLs.
            workspace: the run's temporary directory.
            wrappers: what kustomize starts in helm's and git's places.

        Raises:
            AvpError: it cannot be built.
        """
        settings, repository, tree = self._settings, self._repository, workspace.tree
        edits = self._edits()
        kind, program = find_builder(settings, self._environ, needs_edit=bool(edits))
        log_version(kind, program, self._environ, settings.sandbox)
        child = Child(program, settings, self._limits, self._environ, workspace, repository)
        if not child.is_confined:
            self._refuse_unknown(roots, kind, child, workspace)
        access = Access(read=self._readable(roots)) | wrappers.access
        if edits or roots.needs_helm or rewritten:
            folder = _stage(folder, roots, rewritten, tree, self._limits)
            access |= Access(write=(tree,))
        for each in rewritten:
            wrappers.remote_files.rewrite(staged_path(each, tree), tree)
        if edits and not self._edit(folder):
            for edit in edits:
                child.run(edit, folder, Access(write=(tree,)))
        if edits and not child.is_confined:
            # What kustomize reads as a comment and keeps may be a field in what it writes.
            self._refuse_copy(folder, repository, tree)
        arguments = [_BUILD[kind], *self._build_flags(), *wrappers.flags, "."]
        try:
            return child.run(arguments, folder, access, wrappers.questions)
        except ChildError as error:
            raise wrappers.explain(_helm_3_only(error)) from error
        finally:
            if not child.is_confined and folder.is_relative_to(tree):
                # A chart that was pulled may hold kustomizations, too: neither what comes out of
                # them nor what kustomize says of it is for a tenant.
                self._refuse_copy(folder, repository, tree)

    def _unread(self, file: Path) -> RenderError:
        name = os.path.relpath(file, self._source.path.resolve())
        return RenderError(
            f"only kustomize can read {name}, so that its references cannot be checked",
            hint="write it in plain YAML 1.2",
        )

    def _refuse_unknown(self, roots: Roots, kind: str, child: Child, workspace: Workspace) -> None:
        """Refuse what nothing but a sandbox could keep in the repository.

        Args:
            roots: what the kustomizations refer to.
            kind: what builds: kustomize, or kubectl.
            child: the program.
            workspace: the run's temporary directory.

        Raises:
            ChildError: a kustomization cannot be read by kustomize either, which says so.
            RenderError: a kustomization cannot be read; or, where a tenant wrote it, what
                configures a plugin cannot be known.
        """
        if roots.unread:
            if kind == "kustomize":
                self._explain(roots.unread[0], child, workspace)
            raise self._unread(roots.unread[0])
        if roots.unforeseen and self._repository.is_tenants:
            file = kustomization_files(roots.unforeseen[0])[0]
            name = os.path.relpath(file, self._source.path.resolve())
            raise RenderError(
                f"what the plugins of {name} open cannot be known beforehand, and no sandbox "
                "is in force",
                hint="write their configurations into files of the folder, or into a kustomization "
                "with nothing but resources; the operator's setting AVP_SANDBOX has the sandbox",
            )

    def _explain(self, file: Path, child: Child, workspace: Workspace) -> None:
        """Have kustomize read a copy of a kustomization by itself: an edit opens nothing else.

        Raises:
            ChildError: it cannot read it.
        """
        alone = workspace.scratch / "unread"
        alone.mkdir()
        shutil.copyfile(real_path(file), alone / FILE_NAMES[0])
        try:
            child.run(("edit", "set", "namesuffix", "--", "-x"), alone, Access())
        except ChildError as error:
            name = os.path.relpath(file, self._source.path.resolve())
            reason = f"kustomize cannot read {name}"
            raise ChildError(reason, hint=error.hint, detail=error.detail) from error

    def _refuse_copy(self, folder: Path, repository: Repository, tree: Path) -> None:
        """Refuse what the staging copy of the folder refers to, after kustomize wrote to it.

        Raises:
            RenderError: as _refuse, or a kustomization in it cannot be read.
        """
        roots = find_roots(folder, Repository(folder, False), self._limits.input_bytes)
        self._refuse(roots, repository, tree)
        if roots.unread:
            raise self._unread(original_path(roots.unread[0], tree))

    def _refuse(self, roots: Roots, repository: Repository, tree: Path) -> None:
        """Refuse what kustomize would read and may not, as far as it can be known beforehand.

        Args:
            roots: what the kustomizations refer to.
            repository: what they may refer to.
            tree: where the staging copy begins that they are in; `/` for the repository itself.

        Raises:
            RenderError: a path outside of the repository, a git repository of this machine, a FIFO,
                a device, a huge file.
        """
        for folder in roots.folders:
            for name in FILE_NAMES:
                # What leads out of the folder, kustomize does not open.
                file = reach(folder, name, Repository(folder, True))
                if file is not None:
                    self._refuse_odd(file)
        if not roots.is_whole:
            raise RenderError(
                f"the kustomizations are larger than {self._limits.input_bytes} bytes in all",
                hint="the operator's setting AVP_MAX_INPUT says how much of them may be read",
            )
        for folder, refers in roots.references:
            real = original_path(folder, tree)
            if repository.is_known and not repository.contains(real):
                raise outside("a directory that a kustomization names")
            for chart in refers.charts:
                if chart.startswith("/") or ".." in chart.split("/"):
                    raise outside(f"the chart {chart[:200]!r}")
            for path in refers.paths:
                target = reach(real, path, repository)
                if target is None:
                    raise outside(f"{path[:200]!r}, which a kustomization names,")
                self._refuse_odd(target)
            if any(map(is_local_git, refers.remotes)):
                raise RenderError(
                    "a kustomization names a git repository of this machine (file://…)",
                    hint="name its folder, or its address on the network",
                )

    def _refuse_odd(self, path: Path) -> None:
        try:
            status = path.stat()
        except (OSError, ValueError):
            return
        name = os.path.relpath(path, self._source.path.resolve())
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

    def _edit(self, folder: Path) -> bool:
        """Edit the kustomization of the staging copy; return False where kustomize must do it."""
        files = kustomization_files(folder)
        if len(files) != 1:
            return False
        file = real_path(files[0])
        settings = self._settings
        annotation = None
        if settings.app_repo:
            annotation = (settings.annotation_key, settings.app_repo)
        try:
            text = file.read_bytes().decode()
        except UnicodeDecodeError:
            return False
        edited = edit_kustomization(text, annotation, image_arguments(settings))
        if edited is None:
            return False
        file.write_bytes(edited.encode())
        return True

    def _edits(self) -> Sequence[Sequence[str]]:
        """Return the edits as arguments of kustomize, in the order of the shell pipeline in use."""
        settings = self._settings
        edits: list[Sequence[str]] = []
        if settings.app_repo:
            annotation = f"{settings.annotation_key}:{settings.app_repo}"
            edits.append(("edit", "set", "annotation", "--", annotation))
        images = image_arguments(settings)
        if images:
            edits.append(("edit", "set", "image", "--", *images))
        return edits

    def _build_flags(self) -> Sequence[str]:
        """Return the flags of the build."""
        settings = self._settings
        flags = ["--enable-helm"]
        if settings.kube_version:
            flags.append(f"--helm-kube-version={settings.kube_version}")
        return [*flags, *api_version_arguments("--helm-api-versions", settings.kube_api_versions)]

    def _readable(self, roots: Roots) -> tuple[Path, ...]:
        """Return the directories that kustomize and helm may read."""
        root = self._repository.root
        if self._repository.is_known:
            return (root,)
        return (root, *roots.folders, *roots.chart_dirs)

    def _helm_wrapper(
        self, roots: Roots, workspace: Workspace, questions: Questions, *, confined: bool
    ) -> HelmWrapper | None:
        """Write what kustomize starts in helm's place; None where there is no helm."""
        settings = self._settings
        # A base that kustomize fetches may have a chart that nobody sees beforehand.
        look_up = require_tool if roots.needs_helm else find_tool
        helm = look_up("helm", settings.helm, self._environ)
        if helm is None:
            return None
        if roots.needs_helm:
            log_version("helm", helm, self._environ, settings.sandbox)
        return HelmWrapper(
            helm,
            self._readable(roots),
            workspace,
            self._limits,
            questions,
            self._remotes,
            confined=confined,
        )

    def _git_wrapper(
        self, roots: Roots, workspace: Workspace, questions: Questions, files: RemoteFiles
    ) -> GitWrapper | None:
        """Write what kustomize starts in git's place; None where nothing names a repository."""
        if not any(refers.remotes for _, refers in roots.references):
            return None
        return GitWrapper(workspace, self._limits, questions, self._remotes.fetcher, files)


def _helm_3_only(error: ChildError) -> ChildError:
    """Return an error of kustomize, with the advice to use another one where it wants Helm 3."""
    if _HELM_3_ONLY not in error.detail:
        return error
    hint = "install kustomize 5.8.1 or later for Helm 4, or set AVP_HELM to a Helm 3"
    return ChildError(error.reason, hint=hint, detail=error.detail)


def _stage(
    folder: Path, roots: Roots, rewritten: Sequence[Path], tree: Path, limits: Limits
) -> Path:
    """Make a staging copy of all that is written to, and return the path of the folder in it.

    Args:
        folder: the folder of the kustomization.
        roots: what the kustomizations refer to.
        rewritten: the folders whose kustomizations are rewritten.
        tree: where the staging copy is made.
        limits: how much may be copied.

    Raises:
        RenderError: a symlink or an absolute path leads out of the staging copy to what is written.
    """
    # A chart of a base is pulled into the folder of that base.
    elsewhere = [each for each in roots.chart_dirs if not each.is_relative_to(folder)]
    is_alone = not elsewhere and all(each.is_relative_to(folder) for each in rewritten)
    copied = (folder,) if is_alone else roots.folders
    make_staging(copied, elsewhere, roots.named.union(roots.folders), tree, limits)
    staging = staged_path(folder, tree)
    chart_dirs: frozenset[Path] = frozenset()
    if roots.needs_helm:
        chart_dirs = find_roots(staging, Repository(staging, False), limits.input_bytes).chart_dirs
    for written in (*chart_dirs, *kustomization_files(staging)):
        if not real_path(written).is_relative_to(tree):
            name = os.path.relpath(written, staging)
            raise RenderError(
                f"{name} is reached through a symlink or an absolute path that leads out of the "
                "folder, and would be written to",
                hint="put the file or folder itself where the link is, or name it relatively",
            )
    return staging
