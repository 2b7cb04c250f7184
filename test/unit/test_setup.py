"""`make setup`: steps run once, interrupted steps run again, and errors name cause and remedy."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest
import setup_env
import setup_machine
import setup_progress
from setup_machine import (
    SetupError,
    check_disk,
    check_machine,
    check_place,
    check_temporary,
    choose_python,
    clean_environment,
    explain_failure,
)
from setup_progress import Progress, Stamps, Step, locked, run_logged

GOOD_PYTHON = {"version": [3, 11], "executable": "/usr/bin/python3", "venv": True, "header": True}


def step(inputs: list[Path], facts: tuple[str, ...] = ()) -> Step:
    return Step("name", "A title", lambda: None, inputs, facts)


def test_step_is_done_until_an_input_changes(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("numpy==1")
    stamps = Stamps(tmp_path / "stamps")
    assert not stamps.is_done(step([pins]))
    stamps.remember(step([pins]))
    assert stamps.is_done(step([pins]))
    assert not stamps.is_done(step([pins], facts=("3.12",)))
    pins.write_text("numpy==2")
    assert not stamps.is_done(step([pins]))


def test_step_that_started_is_not_done(tmp_path: Path) -> None:
    stamps = Stamps(tmp_path)
    stamps.remember(step([]))
    stamps.forget(step([]))
    assert not stamps.is_done(step([]))


def test_renamed_input_is_a_change(tmp_path: Path) -> None:
    one, other = tmp_path / "One.msg", tmp_path / "Other.msg"
    for path in (one, other):
        path.write_text("int32 id")
    assert step([one]).fingerprint() != step([other]).fingerprint()


def install(site_packages: Path, name: str, record: str | None) -> Path:
    folder = site_packages / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Name: {name}")
    if record is not None:
        (folder / "RECORD").write_text(record)
    return folder


def test_half_installed_packages_are_removed(tmp_path: Path) -> None:
    whole = install(tmp_path, "whole", "whole/__init__.py,,\nwhole-1.0.dist-info/INSTALLER,,\n")
    copied = install(tmp_path, "copied", "copied/__init__.py,,\n")  # the wheel's own record, not yet pip's
    begun = install(tmp_path, "begun", None)
    (tmp_path / "~orch").mkdir()
    setup_machine.remove_half_installed(tmp_path)
    assert whole.is_dir()
    assert not copied.exists()
    assert not begun.exists()
    assert not (tmp_path / "~orch").exists()


def test_environment_without_site_packages_needs_no_removal(tmp_path: Path) -> None:
    setup_machine.remove_half_installed(tmp_path / "missing")


def fake_python(folder: Path, version: str) -> Path:
    path = folder / "python"
    path.write_text(f'#!/bin/sh\necho \'{{"version": [{version}], "executable": "{path}"}}\'\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_requested_python_is_taken(tmp_path: Path) -> None:
    path = fake_python(tmp_path, "3, 12")
    assert choose_python(str(path))["executable"] == str(path)


def test_requested_python_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"is Python 3\.13; expected Python 3\.11 or 3\.12"):
        choose_python(str(fake_python(tmp_path, "3, 13")))


def test_requested_python_that_does_not_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not start"):
        choose_python(str(tmp_path / "python9"))


def test_machine_without_supported_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def describe(command: str) -> dict[str, Any] | None:
        return {"version": [3, 13], "executable": command} if command == "python3" else None

    monkeypatch.setattr(setup_machine, "describe_python", describe)
    with pytest.raises(SetupError, match=r"found 3\.13; install one, or name it: make setup PYTHON="):
        choose_python(None)


def test_another_python_of_the_machine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"python3": [3, 13], "python3.11": [3, 11]}

    def describe(command: str) -> dict[str, Any] | None:
        return {"version": versions[command], "executable": command} if command in versions else None

    monkeypatch.setattr(setup_machine, "describe_python", describe)
    assert choose_python(None)["executable"] == "python3.11"


def test_python_describes_itself() -> None:
    python = setup_machine.describe_python(sys.executable)
    assert python is not None
    assert tuple(python["version"]) == sys.version_info[:2]


@pytest.mark.parametrize(
    ("lacks", "message"), [("venv", "cannot make virtual environments"), ("header", r"has no Python\.h")]
)
def test_incomplete_python_is_refused(tmp_path: Path, lacks: str, message: str) -> None:
    with pytest.raises(SetupError, match=f"{message}.*apt-get install"):
        check_machine({**GOOD_PYTHON, lacks: False}, tmp_path / ".venv")


def test_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"lacks gcc, g\+\+, make; sudo apt-get install build-essential"):
        check_machine(GOOD_PYTHON, tmp_path / ".venv")


def test_full_disk_is_refused_with_numbers(tmp_path: Path) -> None:
    check_disk(tmp_path, needed_gb=0)
    with pytest.raises(SetupError, match=r"expected 1e\+09 GB of free disk .*, got [\d.]+ GB"):
        check_disk(tmp_path, needed_gb=1e9)


def test_sourced_ros_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROS_DISTRO", "PYTHONPATH", "AMENT_PREFIX_PATH", "LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE"):
        monkeypatch.setenv(name, "/opt/ros/jazzy")
    environment = clean_environment(tmp_path)
    assert not {"PYTHONPATH", "AMENT_PREFIX_PATH", "LD_LIBRARY_PATH"} & environment.keys()
    assert "_ROS_WHEELS_BOOTSTRAP_COMPLETE" not in environment
    assert environment["PATH"].split(os.pathsep)[0] == str(tmp_path / "bin")


def test_library_path_of_a_machine_without_ros_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/cuda/lib64")
    assert clean_environment(tmp_path)["LD_LIBRARY_PATH"] == "/usr/local/cuda/lib64"


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError('...: Failed to establish a new connection", "the Python package index was not reached"),
        ("ERROR: No matching distribution found for ros-rclpy", "no fitting build"),
        ("ImportError: something else", ""),
    ],
)
def test_known_failures_are_explained(output: str, meaning: str) -> None:
    assert meaning in explain_failure(output)
    assert bool(explain_failure(output)) == bool(meaning)


def test_failed_command_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    command = [sys.executable, "-c", "print('reading'); raise SystemExit('No space left on device')"]
    with pytest.raises(SetupError, match=r"(?s)ended with code 1: the disk is full.*reading.*log\.txt"):
        run_logged(command, log, dict(os.environ), Progress(1))


def test_progress_numbers_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(2)
    progress.skip("First")
    progress.start("Second")
    progress.finish()
    assert capsys.readouterr().out.splitlines()[:2] == ["[1/2] First ... up to date", "[2/2] Second ..."]


def test_second_concurrent_setup_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / ".venv" / "setup" / "lock"
    with locked(lock), pytest.raises(SetupError, match=r"another setup of .*\.venv is running"), locked(lock):
        pass
    with locked(lock):
        pass


@pytest.mark.parametrize("name", ["Рабочий стол", "my work", "a'b", "naïve"])
def test_place_that_the_message_generator_cannot_take_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match=r"spaces or letters outside ASCII.*rosidl.*move it"):
        check_place(tmp_path / name / ".venv")
    assert not (tmp_path / name).exists()
    check_place(tmp_path / "plain-1.0" / ".venv")


def test_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SetupError, match=r"cannot write to .*read-only") as error:
        check_place(tmp_path / "sub" / ".venv")
    assert "\n" not in str(error.value)


def test_small_folder_for_temporary_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_machine.tempfile, "gettempdir", lambda: str(tmp_path))
    check_temporary(needed_gb=0)
    with pytest.raises(SetupError, match=rf"temporary files {tmp_path}.*TMPDIR="):
        check_temporary(needed_gb=1e9)


def moved_environment(tmp_path: Path) -> Path:
    """An environment whose checkout was renamed; its own Python starts and is supported."""
    venv = tmp_path / "new" / ".venv"
    (venv / "setup" / "build").mkdir(parents=True)
    (venv / "bin").mkdir()
    python = venv / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (venv / "pyvenv.cfg").write_text("version = 3.11.0\n")
    (venv / "setup" / "place").write_text(str(tmp_path / "old" / ".venv"))
    for name in ("venv.done", "ros.done", "lock"):
        (venv / "setup" / name).write_text("x")
    return venv


def test_moved_environment_is_made_again_by_a_python_outside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = moved_environment(tmp_path)
    asked = []

    def describe(command: str) -> dict[str, Any]:
        asked.append(command)
        return GOOD_PYTHON

    monkeypatch.setattr(setup_machine, "describe_python", describe)
    python = setup_machine.python_for(venv, None)
    assert python == GOOD_PYTHON
    assert str(venv / "bin" / "python") not in asked
    setup = setup_env.Setup(venv, python)
    commands = []
    monkeypatch.setattr(setup, "_run", lambda *command: commands.append(command))
    setup._make_venv()
    assert commands == [("/usr/bin/python3", "-m", "venv", str(venv))]
    assert sorted(path.name for path in (venv / "setup").iterdir()) == ["lock", "place"]  # the lock is held
    assert [path.name for path in venv.iterdir()] == ["setup"]


def test_moved_environment_is_kept_if_only_its_own_python_could_make_a_new_one(tmp_path: Path) -> None:
    venv = moved_environment(tmp_path)
    setup = setup_env.Setup(venv, {**GOOD_PYTHON, "executable": str(venv / "bin" / "python")})
    with pytest.raises(SetupError, match=r"cannot make a new one; name another Python"):
        setup._make_venv()
    assert (venv / "bin" / "python").exists()


def test_packages_of_a_sourced_ros_are_left_out_of_every_command(tmp_path: Path) -> None:
    foreign, own = tmp_path / "ros" / "site-packages", tmp_path / "mine"
    for folder in (foreign, own):
        folder.mkdir(parents=True)
    named = [str(foreign), str(own), sysconfig.get_path("purelib")]
    code = f"{setup_env._WITHOUT_FOREIGN_PACKAGES}\nprint([path in sys.path for path in {named}])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(named)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[False, True, True]\n"


def installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: str | None, fails: int, torch: str) -> list[str]:
    """Commands of one installation step; the first `fails` of uv fail."""
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: uv)
    commands: list[str] = []

    def run(command: list[str] | tuple[str, ...], *_: object) -> None:
        commands.append(" ".join(command).replace(str(tmp_path), ""))
        if len(commands) <= fails:
            raise SetupError("`uv pip install ...` ended with code 1: the index was not reached:\nmore")

    monkeypatch.setattr(setup_env, "run_logged", run)
    setup_env.Setup(tmp_path, GOOD_PYTHON, torch)._install(10, "-r", "requirements.txt")
    return [command.partition(" --constraint")[0] for command in commands]


UV = "/bin/uv pip install --python /bin/python"
PIP = "/bin/python -m pip install --disable-pip-version-check --no-input"


@pytest.mark.parametrize(
    ("uv", "fails", "torch", "commands", "note"),
    [
        (None, 0, "", [PIP], ""),
        ("/bin/uv", 0, "", [UV], ""),
        ("/bin/uv", 1, "", [UV, PIP], "log.txt): pip goes on"),
        ("/bin/uv", 0, "cpu", [f"{UV} --torch-backend cpu"], ""),
        ("/bin/uv", 1, "auto", [f"{UV} --torch-backend auto", UV], "log.txt): TORCH=auto has no effect"),
        (None, 0, "cpu", [PIP], "TORCH=cpu needs uv (pip install uv): PyTorch comes from PyPI"),
    ],
    ids=["pip", "uv", "uv fails", "uv and TORCH", "index of PyTorch fails", "TORCH without uv"],
)
def test_uv_installs_where_it_can_and_pip_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    uv: str | None, fails: int, torch: str, commands: list[str], note: str,
) -> None:  # fmt: skip
    assert installing(tmp_path, monkeypatch, uv, fails, torch) == commands
    assert note in capsys.readouterr().out


def test_other_build_of_torch_is_refused() -> None:
    assert setup_env.torch_build("") == ""
    with pytest.raises(SetupError, match=r"expected TORCH=cpu .* got TORCH=rocm"):
        setup_env.torch_build("rocm")


def test_download_counts_megabytes_and_percent(tmp_path: Path) -> None:
    (tmp_path / "pip-unpack-1").mkdir()
    (tmp_path / "pip-unpack-1" / "torch.whl").write_bytes(bytes(30_000_000))
    assert setup_progress._downloaded("Downloading torch.whl", tmp_path, 120) == "30 of 120 MB (25 %)"
    assert setup_progress._downloaded("Downloading torch.whl", tmp_path, 20) == "30 of 20 MB (100 %)"
    assert setup_progress._downloaded("Installing collected packages: torch", tmp_path, 120) == "installing"


def test_download_is_counted_while_folders_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "torch.whl").write_bytes(b"0" * 1_000_000)
    churn = """
import pathlib, sys
while True:
    for number in range(20):
        folder = pathlib.Path(sys.argv[1]) / f"pip-unpack-{number}" / "part"
        folder.mkdir(parents=True)
        (folder / "torch.whl").touch()
    for number in range(20):
        folder = pathlib.Path(sys.argv[1]) / f"pip-unpack-{number}" / "part"
        (folder / "torch.whl").unlink()
        folder.rmdir()
        folder.parent.rmdir()
"""
    process = subprocess.Popen([sys.executable, "-c", churn, str(tmp_path)])
    try:
        while not (tmp_path / "pip-unpack-0").exists() and process.poll() is None:
            time.sleep(0.001)
        for _ in range(300):
            assert setup_progress._downloaded("Downloading", tmp_path, 10) == "1 of 10 MB (10 %)"
    finally:
        process.kill()
        process.wait()
