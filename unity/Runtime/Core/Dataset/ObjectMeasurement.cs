using System;
using System.Collections.Generic;

namespace UnityDepthPerception
{
    /// <summary>Measures every object of an instance image in exact planar depth.</summary>
    public static class ObjectMeasurement
    {
        /// <summary>
        /// Share of the image (20 x 20 px of 1024 x 1024) below which an object is too small to be annotated.
        /// </summary>
        public const double LeastVisibleRatio = 0.0004;

        const int WindowRadius = 2;

        /// <summary>Measures the objects, in the order of their values.</summary>
        /// <param name="ids">Instance image, upper row first; 0 = no object.</param>
        /// <param name="depth">Planar depth [m], same order; +Inf where there is none.</param>
        /// <param name="camera">Intrinsics.</param>
        /// <param name="leastRatio">Smaller objects are left out; share of the image.</param>
        public static List<MeasuredObject> Measure(
            ushort[] ids, float[] depth, PinholeIntrinsics camera, double leastRatio = LeastVisibleRatio)
        {
            int size = camera.Width * camera.Height;
            if (ids.Length != size || depth.Length != size)
            {
                throw new ArgumentException(
                    "expected " + size + " ids and depths, got " + ids.Length + " and " + depth.Length);
            }

            int leastPixels = (int)Math.Max(1, Math.Ceiling(leastRatio * size));
            int[] starts = StartsByValue(ids);
            int[] pixels = PixelsByValue(ids, starts);
            var found = new List<MeasuredObject>();
            for (int value = 1; value < starts.Length - 1; value++)
            {
                var own = new ArraySegment<int>(pixels, starts[value], starts[value + 1] - starts[value]);
                if (own.Count >= leastPixels)
                {
                    found.Add(MeasureOne(value, own, ids, depth, camera));
                }
            }

            return found;
        }

        static int[] StartsByValue(ushort[] ids)
        {
            int largest = 0;
            for (int k = 0; k < ids.Length; k++)
            {
                largest = Math.Max(largest, ids[k]);
            }

            var starts = new int[largest + 2];
            for (int k = 0; k < ids.Length; k++)
            {
                starts[ids[k] + 1]++;
            }

            for (int k = 1; k < starts.Length; k++)
            {
                starts[k] += starts[k - 1];
            }

            return starts;
        }

        static int[] PixelsByValue(ushort[] ids, int[] starts)
        {
            var next = (int[])starts.Clone();
            var pixels = new int[ids.Length];
            for (int k = 0; k < ids.Length; k++)
            {
                pixels[next[ids[k]]++] = k;
            }

            return pixels;
        }

        static MeasuredObject MeasureOne(
            int value, ArraySegment<int> pixels, ushort[] ids, float[] depth, PinholeIntrinsics camera)
        {
            var columns = new CoordinateHistogram(camera.Width);
            var rows = new CoordinateHistogram(camera.Height);
            var known = new float[pixels.Count];
            int count = 0;
            double sum = 0;
            for (int k = pixels.Offset; k < pixels.Offset + pixels.Count; k++)
            {
                int pixel = pixels.Array[k];
                columns.Add(pixel % camera.Width);
                rows.Add(pixel / camera.Width);
                if (IsFinite(depth[pixel]))
                {
                    known[count++] = depth[pixel];
                    sum += depth[pixel];
                }
            }

            int middle = NearestPixel(pixels, columns.Mean, rows.Mean, camera.Width);
            var item = new MeasuredObject
            {
                Value = value,
                PixelCount = pixels.Count,
                ValidRatio = (double)count / pixels.Count,
                XMin = columns.First,
                YMin = rows.First,
                XMax = columns.Last + 1,
                YMax = rows.Last + 1,
                Center = MedianAround(middle, value, ids, depth, camera),
                Mean = count > 0 ? sum / count : double.NaN,
                Median = Medians.Lower(known, count),
                Min = Medians.Extreme(known, count, -1),
                Max = Medians.Extreme(known, count, 1)
            };
            item.Position = camera.Unproject(columns.LowerMedian, rows.LowerMedian, item.Median);
            return item;
        }

        static int NearestPixel(ArraySegment<int> pixels, double column, double row, int width)
        {
            int nearest = 0;
            double least = double.PositiveInfinity;
            for (int k = pixels.Offset; k < pixels.Offset + pixels.Count; k++)
            {
                int pixel = pixels.Array[k];
                double dx = pixel % width - column, dy = pixel / width - row;
                if (dx * dx + dy * dy < least)
                {
                    least = dx * dx + dy * dy;
                    nearest = pixel;
                }
            }

            return nearest;
        }

        static double MedianAround(int middle, int value, ushort[] ids, float[] depth, PinholeIntrinsics camera)
        {
            const int Side = 2 * WindowRadius + 1;
            var window = new float[Side * Side];
            int count = 0, u = middle % camera.Width, v = middle / camera.Width;
            for (int row = Math.Max(0, v - WindowRadius); row <= Math.Min(camera.Height - 1, v + WindowRadius); row++)
            {
                int last = Math.Min(camera.Width - 1, u + WindowRadius);
                for (int column = Math.Max(0, u - WindowRadius); column <= last; column++)
                {
                    int pixel = row * camera.Width + column;
                    if (ids[pixel] == value && IsFinite(depth[pixel]))
                    {
                        window[count++] = depth[pixel];
                    }
                }
            }

            return Medians.Lower(window, count);
        }

        static bool IsFinite(float value) => !float.IsNaN(value) && !float.IsInfinity(value);
    }
}
