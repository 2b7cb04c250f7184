# ROS 2 Jazzy with the package and its libraries; no Docker was at hand to build it: untested.
#     docker build -t unity_depth_perception .
#     docker run --rm -it --gpus all --network host --shm-size=1g unity_depth_perception \
#         ros2 launch unity_depth_perception unity.launch.py depth_model:=compact vertical_fov_deg:=60.0
FROM ros:jazzy-ros-base

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /ws
COPY package.xml requirements.txt requirements-no-deps.txt src/unity_depth_perception/

# rviz2 is for people who watch: install it where there is a screen.
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rosdep update \
    && rosdep install --from-paths src --ignore-src -y --skip-keys rviz2 \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv --system-site-packages .venv \
    && touch .venv/COLCON_IGNORE \
    && .venv/bin/pip install --no-cache-dir -r src/unity_depth_perception/requirements.txt \
    && .venv/bin/pip install --no-cache-dir --no-deps -r src/unity_depth_perception/requirements-no-deps.txt

COPY . src/unity_depth_perception
RUN . /opt/ros/jazzy/setup.bash && . .venv/bin/activate && python -m colcon build

RUN printf '#!/bin/bash\nset -e\n. /opt/ros/jazzy/setup.bash\n. /ws/.venv/bin/activate\n. /ws/install/setup.bash\nexec "$@"\n' \
    > /entrypoint.sh && chmod +x /entrypoint.sh
ENTRYPOINT ["/entrypoint.sh"]
CMD ["ros2", "launch", "unity_depth_perception", "unity.launch.py", "depth_model:=compact", "vertical_fov_deg:=60.0"]
