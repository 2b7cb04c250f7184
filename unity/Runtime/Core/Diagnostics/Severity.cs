namespace UnityDepthPerception
{
    /// <summary>What a finding means.</summary>
    public enum Severity
    {
        /// <summary>As it should be.</summary>
        Good = 0,

        /// <summary>Allowed, but seldom meant.</summary>
        Note = 1,

        /// <summary>Wrong: images, depth or intrinsics do not belong together until it is mended.</summary>
        Problem = 2
    }
}
