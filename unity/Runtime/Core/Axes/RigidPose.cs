namespace UnityDepthPerception
{
    /// <summary>A position [m] and an orientation in a right-handed world with z up, as ROS has it (REP 103).</summary>
    public readonly struct RigidPose
    {
        /// <summary>Position [m].</summary>
        public readonly Double3 Position;

        /// <summary>Orientation.</summary>
        public readonly DoubleQuaternion Orientation;

        /// <summary>Makes a pose.</summary>
        public RigidPose(Double3 position, DoubleQuaternion orientation)
        {
            Position = position;
            Orientation = orientation;
        }
    }
}
