namespace UnityDepthPerception
{
    /// <summary>Counts the columns or rows of an object's pixels.</summary>
    sealed class CoordinateHistogram
    {
        readonly int[] _counts;
        int _total;
        double _sum;

        /// <summary>Makes a histogram of coordinates below a size.</summary>
        public CoordinateHistogram(int size)
        {
            _counts = new int[size];
            First = size;
            Last = -1;
        }

        /// <summary>Least coordinate.</summary>
        public int First { get; private set; }

        /// <summary>Greatest coordinate.</summary>
        public int Last { get; private set; }

        /// <summary>Mean coordinate.</summary>
        public double Mean => _sum / _total;

        /// <summary>Median; the lower of the two middle ones of an even number.</summary>
        public int LowerMedian
        {
            get
            {
                int below = 0;
                for (int k = First; k <= Last; k++)
                {
                    below += _counts[k];
                    if (below > (_total - 1) / 2)
                    {
                        return k;
                    }
                }

                return Last;
            }
        }

        /// <summary>Counts a coordinate.</summary>
        public void Add(int coordinate)
        {
            _counts[coordinate]++;
            _total++;
            _sum += coordinate;
            First = coordinate < First ? coordinate : First;
            Last = coordinate > Last ? coordinate : Last;
        }
    }
}
