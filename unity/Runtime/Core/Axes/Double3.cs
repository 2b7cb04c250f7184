namespace UnityDepthPerception
{
    /// <summary>A vector of three doubles, in whatever frame its owner says.</summary>
    public readonly struct Double3
    {
        /// <summary>First coordinate.</summary>
        public readonly double X;

        /// <summary>Second coordinate.</summary>
        public readonly double Y;

        /// <summary>Third coordinate.</summary>
        public readonly double Z;

        /// <summary>Makes a vector.</summary>
        public Double3(double x, double y, double z)
        {
            X = x;
            Y = y;
            Z = z;
        }
    }
}
