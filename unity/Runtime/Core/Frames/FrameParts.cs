using System;

namespace UnityDepthPerception
{
    /// <summary>Parts of a frame that are read back from the GPU.</summary>
    [Flags]
    public enum FrameParts
    {
        /// <summary>Nothing.</summary>
        None = 0,

        /// <summary>The image.</summary>
        Color = 1,

        /// <summary>Planar depth and object id of each pixel.</summary>
        DepthAndId = 2
    }
}
