namespace UnityDepthPerception
{
    /// <summary>
    /// Measurements of one object from exact depth. Lengths are planar depth [m], NaN where no pixel has a finite one;
    /// the box is in pixels, max exclusive.
    /// </summary>
    public struct MeasuredObject
    {
        /// <summary>The object's value in the instance image.</summary>
        public int Value;

        /// <summary>Pixels.</summary>
        public int PixelCount;

        /// <summary>Share of them with a finite depth.</summary>
        public double ValidRatio;

        /// <summary>First column.</summary>
        public int XMin;

        /// <summary>First row.</summary>
        public int YMin;

        /// <summary>One beyond the last column.</summary>
        public int XMax;

        /// <summary>One beyond the last row.</summary>
        public int YMax;

        /// <summary>Median in a 5 x 5 window around the object's pixel that is nearest to its centroid.</summary>
        public double Center;

        /// <summary>Mean.</summary>
        public double Mean;

        /// <summary>Median; the lower of the two middle values of an even number.</summary>
        public double Median;

        /// <summary>Least.</summary>
        public double Min;

        /// <summary>Greatest.</summary>
        public double Max;

        /// <summary>Median column and median row at the median depth, in the optical frame.</summary>
        public Double3 Position;
    }
}
