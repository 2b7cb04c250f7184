using System;

namespace UnityDepthPerception
{
    /// <summary>
    /// Finds what an object stands on from bounding boxes: the box whose upper face is at the height of the object's
    /// lower one, and that bears the larger part of it.
    /// </summary>
    public static class ContactParents
    {
        /// <summary>Index of the box that carries another, or -1.</summary>
        /// <param name="bounds">Bounds of all objects.</param>
        /// <param name="count">How many of them count.</param>
        /// <param name="index">The one that may stand on another.</param>
        /// <param name="tolerance">How far the two faces may be apart [m].</param>
        public static int CarrierOf(WorldBounds[] bounds, int count, int index, double tolerance)
        {
            WorldBounds own = bounds[index];
            int carrier = -1;
            double most = 0;
            for (int k = 0; k < count; k++)
            {
                if (k == index || Math.Abs(bounds[k].Max.Y - own.Min.Y) > tolerance
                    || bounds[k].Min.Y > own.Min.Y - tolerance)
                {
                    continue;
                }

                double area = Overlap(own.Min.X, own.Max.X, bounds[k].Min.X, bounds[k].Max.X)
                    * Overlap(own.Min.Z, own.Max.Z, bounds[k].Min.Z, bounds[k].Max.Z);
                if (area > most)
                {
                    most = area;
                    carrier = k;
                }
            }

            return carrier;
        }

        static double Overlap(double minA, double maxA, double minB, double maxB)
        {
            return Math.Max(0, Math.Min(maxA, maxB) - Math.Max(minA, minB));
        }
    }
}
