namespace UnityDepthPerception
{
    /// <summary>
    /// What became of the frames that were asked for: Requested = Sent + Dropped + Failed + InFlight.
    /// </summary>
    public readonly struct FrameCounts
    {
        /// <summary>Frames asked for.</summary>
        public readonly long Requested;

        /// <summary>Frames handed on whole.</summary>
        public readonly long Sent;

        /// <summary>Frames given up because earlier ones were not through yet.</summary>
        public readonly long Dropped;

        /// <summary>Frames whose read-back failed, or that were in flight when the capture ended.</summary>
        public readonly long Failed;

        /// <summary>Makes counts.</summary>
        public FrameCounts(long requested, long sent, long dropped, long failed)
        {
            Requested = requested;
            Sent = sent;
            Dropped = dropped;
            Failed = failed;
        }

        /// <summary>Frames that are still on their way.</summary>
        public long InFlight => Requested - Sent - Dropped - Failed;

        /// <summary>These and others together.</summary>
        public FrameCounts Plus(FrameCounts other)
        {
            return new FrameCounts(
                Requested + other.Requested, Sent + other.Sent, Dropped + other.Dropped, Failed + other.Failed);
        }
    }
}
