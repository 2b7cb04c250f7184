namespace UnityDepthPerception
{
    /// <summary>Receives the frames of a capture, complete and in render order.</summary>
    public interface IFrameSink
    {
        /// <summary>Takes a frame; its buffers are used again after the call.</summary>
        /// <param name="frame">The frame.</param>
        /// <param name="capture">Where it comes from; it converts the frame's pixels.</param>
        /// <returns>Whether it was taken; false counts it as dropped.</returns>
        bool TakeFrame(FrameRequest frame, FrameCapture capture);
    }
}
