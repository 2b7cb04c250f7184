using System;
using UnityEngine;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// What a camera publishes, and under which names. A change counts when the publisher is enabled.
    /// </summary>
    [Serializable]
    public sealed class CameraTopicSettings
    {
        /// <summary>What the topics begin with.</summary>
        [Tooltip("Topics begin with it: /unity/camera/image_raw and so on.")]
        public string prefix = "/unity/camera";

        /// <summary>Name of the camera's optical frame.</summary>
        [Tooltip("Name of the camera's optical frame (x right, y down, z forward).")]
        public string frameId = "unity_camera_optical";

        /// <summary>Name of the world frame of pose and tf.</summary>
        [Tooltip("Name of the world frame (z up) of pose and tf.")]
        public string worldFrameId = "map";

        /// <summary>How images are sent.</summary>
        public ImageEncoding encoding = ImageEncoding.Rgb8;

        /// <summary>Quality of JPEG images.</summary>
        [Range(1, 100)]
        public int jpegQuality = 90;

        /// <summary>Whether the pose is published.</summary>
        public bool pose = true;

        /// <summary>Whether the camera's frame is published on /tf.</summary>
        [Tooltip("Publish the camera's frame on /tf. The endpoint needs tf2_msgs, which a ROS installation has.")]
        public bool tf;

        /// <summary>What the simulation publishes of what it knows.</summary>
        [Tooltip("What the simulation publishes of what it knows, below ground_truth/.")]
        public TrueTopics truth = TrueTopics.None;

        /// <summary>Name of the image's topic.</summary>
        public string ImageTopic => prefix + (encoding == ImageEncoding.Jpeg ? "/image_raw/compressed" : "/image_raw");

        /// <summary>Name of the topic of the intrinsics.</summary>
        public string InfoTopic => prefix + "/camera_info";
    }
}
