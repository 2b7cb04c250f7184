namespace UnityDepthPerception
{
    /// <summary>
    /// From Unity's axes (left-handed: x right, y up, z forward) to those of ROS: the world and bodies forward, left,
    /// up (REP 103), the camera's optical frame right, down, forward.
    /// </summary>
    public static class AxisConversion
    {
        /// <summary>A Unity position or direction, as forward, left, up.</summary>
        public static Double3 ToFlu(double x, double y, double z) => new Double3(z, -x, y);

        /// <summary>A Unity rotation, as a rotation of forward, left, up.</summary>
        public static DoubleQuaternion ToFlu(double x, double y, double z, double w)
        {
            return new DoubleQuaternion(z, -x, y, -w);
        }

        /// <summary>A forward, left, up position or direction, as Unity's.</summary>
        public static Double3 ToUnity(Double3 flu) => new Double3(-flu.Y, flu.Z, flu.X);

        /// <summary>A rotation of forward, left, up, as Unity's.</summary>
        public static DoubleQuaternion ToUnity(DoubleQuaternion flu)
        {
            return new DoubleQuaternion(-flu.Y, flu.Z, flu.X, -flu.W);
        }

        /// <summary>A point in a Unity camera's own axes, in its optical frame.</summary>
        public static Double3 ToOptical(double x, double y, double z) => new Double3(x, -y, z);

        /// <summary>A point of an optical frame, in the Unity camera's own axes.</summary>
        public static Double3 FromOptical(Double3 optical) => new Double3(optical.X, -optical.Y, optical.Z);

        /// <summary>
        /// The pose of a camera's optical frame in the forward, left, up world, from the Transform of a Unity camera:
        /// its rotation in ROS's axes, times the fixed rotation from body to optical frame (-0.5, 0.5, -0.5, 0.5).
        /// </summary>
        /// <param name="px">transform.position.x.</param>
        /// <param name="py">transform.position.y.</param>
        /// <param name="pz">transform.position.z.</param>
        /// <param name="x">transform.rotation.x.</param>
        /// <param name="y">transform.rotation.y.</param>
        /// <param name="z">transform.rotation.z.</param>
        /// <param name="w">transform.rotation.w.</param>
        public static RigidPose OpticalPose(double px, double py, double pz, double x, double y, double z, double w)
        {
            var orientation = new DoubleQuaternion(
                0.5 * (w + x - y + z), 0.5 * (-w - x - y + z), 0.5 * (w - x + y + z), 0.5 * (-w + x + y + z));
            return new RigidPose(ToFlu(px, py, pz), orientation);
        }
    }
}
