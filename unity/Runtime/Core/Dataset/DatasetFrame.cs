using System.Collections.Generic;

namespace UnityDepthPerception
{
    /// <summary>
    /// One image with its truth, as the dataset writer takes it. All images have the upper row first.
    /// </summary>
    public sealed class DatasetFrame
    {
        /// <summary>Name of its files without suffix, such as 00042.</summary>
        public string Name;

        /// <summary>Three bytes for each pixel.</summary>
        public byte[] Rgb;

        /// <summary>Planar depth [m]; +Inf where there is none.</summary>
        public float[] Depth;

        /// <summary>Instance image; value = id of the label + 1, 0 = background.</summary>
        public ushort[] Ids;

        /// <summary>The labels that the instance image may show.</summary>
        public IList<LabelEntry> Labels;

        /// <summary>Pose of the camera's optical frame.</summary>
        public RigidPose Pose;
    }
}
