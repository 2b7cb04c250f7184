namespace UnityDepthPerception
{
    /// <summary>A rotation as a quaternion of doubles, in whatever frame its owner says.</summary>
    public readonly struct DoubleQuaternion
    {
        /// <summary>First imaginary part.</summary>
        public readonly double X;

        /// <summary>Second imaginary part.</summary>
        public readonly double Y;

        /// <summary>Third imaginary part.</summary>
        public readonly double Z;

        /// <summary>Real part.</summary>
        public readonly double W;

        /// <summary>Makes a quaternion.</summary>
        public DoubleQuaternion(double x, double y, double z, double w)
        {
            X = x;
            Y = y;
            Z = z;
            W = w;
        }
    }
}
