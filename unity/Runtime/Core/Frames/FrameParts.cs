using System;

namespace UnityDepthPerception
{
    /// <summary>What is read back from the GPU for one frame.</summary>
    [Flags]
    public enum FrameParts
    {
        /// <summary>Nothing.</summary>
        None = 0,

        /// <summary>The picture.</summary>
        Color = 1,

        /// <summary>Planar depth and object id of each pixel.</summary>
        DepthAndId = 2
    }
}
