using System;

namespace UnityDepthPerception
{
    /// <summary>Where a marker is in an image: the mean of its pixels.</summary>
    readonly struct MarkerCentroid
    {
        /// <summary>Pixels.</summary>
        public readonly int Count;

        /// <summary>Mean column.</summary>
        public readonly double U;

        /// <summary>Mean row.</summary>
        public readonly double V;

        MarkerCentroid(int count, double sumU, double sumV)
        {
            Count = count;
            U = sumU / Math.Max(1, count);
            V = sumV / Math.Max(1, count);
        }

        /// <summary>Of the pixels in which one channel is plainly brighter than both others.</summary>
        public static MarkerCentroid OfColor(byte[] rgb, int width, int channel)
        {
            int count = 0;
            double sumU = 0, sumV = 0;
            for (int pixel = 0; 3 * pixel < rgb.Length; pixel++)
            {
                int own = rgb[3 * pixel + channel];
                int other = Math.Max(rgb[3 * pixel + (channel + 1) % 3], rgb[3 * pixel + (channel + 2) % 3]);
                if (own > 40 && own > 2 * other)
                {
                    count++;
                    sumU += pixel % width;
                    sumV += pixel / width;
                }
            }

            return new MarkerCentroid(count, sumU, sumV);
        }

        /// <summary>Of the pixels with an id.</summary>
        public static MarkerCentroid OfId(ushort[] ids, int width, int value)
        {
            int count = 0;
            double sumU = 0, sumV = 0;
            for (int pixel = 0; pixel < ids.Length; pixel++)
            {
                if (ids[pixel] == value)
                {
                    count++;
                    sumU += pixel % width;
                    sumV += pixel / width;
                }
            }

            return new MarkerCentroid(count, sumU, sumV);
        }

        /// <summary>Whether it is within a distance [px] of a pixel, in each direction.</summary>
        public bool IsNear(double u, double v, double tolerance)
        {
            return Math.Abs(U - u) <= tolerance && Math.Abs(V - v) <= tolerance;
        }
    }
}
