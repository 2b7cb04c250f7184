"""Entry point of `unity-depth`.

torch and the models are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import io
import sys
from typing import Annotated

import typer

from unity_depth_perception import __version__
from unity_depth_perception.cli import (
    estimate,
    evaluate,
    export,
    export_model,
    synthesize,
    train_depth,
    train_segmentation,
    weights,
)
from unity_depth_perception.cli.benchmark import command as benchmark
from unity_depth_perception.cli.doctor import command as doctor
from unity_depth_perception.cli.reconstruct import command as reconstruct
from unity_depth_perception.cli.ros import endpoint, watch
from unity_depth_perception.cli.web import command as web
from unity_depth_perception.core.errors import PerceptionError, shortened

_OUTPUT_ERRNOS = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.EFBIG, errno.ENOTEMPTY, errno.ETXTBSY, errno.EINVAL),
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


app = typer.Typer(
    help="Metric depth, segmentation and object distances for Unity simulations.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Metric depth, segmentation and object distances for Unity simulations."""


app.command()(estimate.estimate)
app.command()(evaluate.evaluate)
app.command()(export.export)
app.command()(export_model.export_model)
app.command()(reconstruct.reconstruct)
app.command()(synthesize.synthesize)
app.command()(train_depth.train_depth)
app.command()(train_segmentation.train_segmentation)
app.add_typer(weights.app, name="weights")
app.add_typer(benchmark.app, name="benchmark")
app.command()(doctor.doctor)
app.command()(watch.watch)
app.command()(endpoint.endpoint)
app.command()(web.web)


def main() -> None:
    """Run a command; errors of the package, and of the system when writing (space, permissions), exit with code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except PerceptionError as error:
        typer.echo(f"unity-depth: {shortened(str(error))}", err=True)
        sys.exit(2)
    except OSError as error:
        if error.errno not in _OUTPUT_ERRNOS:
            raise
        typer.echo(f"unity-depth: {error.filename or 'a file'}: {error.strerror}; choose another place", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
