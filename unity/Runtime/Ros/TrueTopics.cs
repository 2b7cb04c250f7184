using System;

namespace UnityDepthPerception.Ros
{
    /// <summary>Ground-truth topics of a camera.</summary>
    [Flags]
    public enum TrueTopics
    {
        /// <summary>Nothing.</summary>
        None = 0,

        /// <summary>ground_truth/depth: 32FC1 planar depth [m], +Inf where nothing is.</summary>
        Depth = 1,

        /// <summary>
        /// ground_truth/instances: 16UC1, 0 = background, k = object with id k - 1; and ground_truth/label_info, the
        /// category of each value.
        /// </summary>
        Instances = 2,

        /// <summary>ground_truth/objects: distances and parents. It is measured on the CPU and allocates.</summary>
        Objects = 4
    }
}
