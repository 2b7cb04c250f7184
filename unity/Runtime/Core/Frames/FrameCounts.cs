namespace UnityDepthPerception
{
    /// <summary>Frames by outcome: Requested = Sent + Dropped + Failed + InFlight.</summary>
    public readonly struct FrameCounts
    {
        /// <summary>Requested frames.</summary>
        public readonly long Requested;

        /// <summary>Frames that were delivered.</summary>
        public readonly long Sent;

        /// <summary>Frames that were discarded because earlier ones were still in flight.</summary>
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

        /// <summary>Frames in flight.</summary>
        public long InFlight => Requested - Sent - Dropped - Failed;

        /// <summary>Sum of two counts.</summary>
        public FrameCounts Plus(FrameCounts other)
        {
            return new FrameCounts(
                Requested + other.Requested, Sent + other.Sent, Dropped + other.Dropped, Failed + other.Failed);
        }
    }
}
