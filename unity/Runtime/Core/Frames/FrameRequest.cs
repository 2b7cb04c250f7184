namespace UnityDepthPerception
{
    /// <summary>
    /// A frame between rendering and publishing: stamp, pose and intrinsics of the render, and the pixels as they
    /// arrive. The object and its buffers are reused for later frames: copy what you keep.
    /// </summary>
    public sealed class FrameRequest
    {
        internal FrameParts Expected;
        internal FrameParts Settled;
        internal bool HasFailed;

        internal FrameRequest(int colorBytes, int depthAndIdValues)
        {
            Color = new byte[colorBytes];
            DepthAndId = new float[depthAndIdValues];
        }

        /// <summary>Counts up with every frame that was asked for; never used twice.</summary>
        public long Number { get; internal set; }

        /// <summary>When the image was rendered.</summary>
        public FrameStamp Stamp { get; internal set; }

        /// <summary>Pose of the camera's optical frame when the image was rendered.</summary>
        public RigidPose Pose { get; internal set; }

        /// <summary>Intrinsics that the image was rendered with.</summary>
        public PinholeIntrinsics Intrinsics { get; internal set; }

        /// <summary>The image as it was read back: RGBA, four bytes for each pixel.</summary>
        public byte[] Color { get; }

        /// <summary>
        /// Planar depth [m] and object id as they were read back; the first two of every
        /// values-per-pixel numbers. 0 and 0 where nothing was drawn.
        /// </summary>
        public float[] DepthAndId { get; }

        internal bool IsSettled => Settled == Expected;
    }
}
