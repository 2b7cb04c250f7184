# make setup   a fresh Linux machine to a working .venv (idempotent, goes on where it was interrupted)
# make demo    virtual Unity -> DDS -> perception node -> results beside the truth, in demo/; SCENE=tour: one room
# make unity  endpoint for Unity's ROS-TCP-Connector and perception; ARGS="--port 10000 --vertical-fov-deg 60"
# make view    the demo in a live view: open the printed address in a browser or in Foxglove
# make test    every test that this machine can run
# make test-long   the tests that train networks for a while too
# make check   ruff, mypy, tests: what .ci/run calls
# make docs    the documentation as a site, in build/docs
# make gpu     everything that needs a GPU, measured within 8 minutes; ARGS="--cpu --quick" rehearses it on a CPU
# make clean   remove what was built and measured; .venv stays
#
# PYTHON=/path/to/python3.12 chooses the Python of the environment; TORCH=cpu or TORCH=auto PyTorch's build (needs uv).

.DEFAULT_GOAL := help
.PHONY: help setup demo unity view test test-long check lint docs gpu clean

BIN := .venv/bin
SCENE := synthetic

# Everything runs in .venv, on this machine only. A sourced ROS installation would mix its packages with those of .venv.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE AMENT_PREFIX_PATH PYTHONPATH
ifdef ROS_DISTRO
unexport LD_LIBRARY_PATH
endif
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST

help:
	@sed -n 's/^# make /make /p' Makefile

setup:
	@python3 scripts/setup_env.py

demo: setup
	$(BIN)/python -m unity_depth_perception.demo --output demo --source $(SCENE)

unity: setup
	$(BIN)/python -m unity_depth_perception.demo.unity $(ARGS)

view: setup
	$(BIN)/python -m unity_depth_perception.demo.view $(ARGS)

test: setup
	$(BIN)/python -m pytest

test-long: setup
	$(BIN)/python -m pytest --long

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

check: lint
	$(BIN)/python -m pytest

docs: setup
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs

gpu: setup
	$(BIN)/python benchmarks/gpu.py $(ARGS)

clean:
	rm -rf build install log demo dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
