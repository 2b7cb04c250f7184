using System;

namespace UnityDepthPerception
{
    /// <summary>A time stamp as ROS has it: whole seconds, and nanoseconds below one second.</summary>
    public readonly struct FrameStamp : IEquatable<FrameStamp>
    {
        const uint NanosecondsPerSecond = 1000000000;
        const long TicksPerSecond = 10000000;
        static readonly long UnixEpochTicks = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks;

        /// <summary>Whole seconds.</summary>
        public readonly int Seconds;

        /// <summary>Nanoseconds, 0 .. 999 999 999.</summary>
        public readonly uint Nanoseconds;

        /// <summary>Makes a stamp.</summary>
        public FrameStamp(int seconds, uint nanoseconds)
        {
            Seconds = seconds;
            Nanoseconds = nanoseconds;
        }

        /// <summary>The stamp of a time in seconds, such as Time.timeAsDouble, to the nearest nanosecond.</summary>
        public static FrameStamp FromSeconds(double time)
        {
            double whole = Math.Floor(time);
            var nanoseconds = (uint)Math.Round((time - whole) * NanosecondsPerSecond);
            return nanoseconds >= NanosecondsPerSecond
                ? new FrameStamp((int)whole + 1, 0)
                : new FrameStamp((int)whole, nanoseconds);
        }

        /// <summary>The stamp of a point in time, counted from 1970 as the clocks of ROS nodes do.</summary>
        public static FrameStamp FromUtc(DateTime utc)
        {
            long ticks = utc.Ticks - UnixEpochTicks;
            return new FrameStamp((int)(ticks / TicksPerSecond), (uint)(ticks % TicksPerSecond * 100));
        }

        /// <inheritdoc/>
        public bool Equals(FrameStamp other) => Seconds == other.Seconds && Nanoseconds == other.Nanoseconds;

        /// <inheritdoc/>
        public override bool Equals(object obj) => obj is FrameStamp && Equals((FrameStamp)obj);

        /// <inheritdoc/>
        public override int GetHashCode() => Seconds * 31 + (int)Nanoseconds;
    }
}
