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
                if (starts[value + 1] - starts[value] >= leastPixels)
                {
                    found.Add(MeasureOne(value, pixels, starts[value], starts[value + 1], depth, camera));
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
            int value, int[] pixels, int start, int end, float[] depth, PinholeIntrinsics camera)
        {
            int count = end - start;
            var columns = new double[count];
            var rows = new double[count];
            var known = new List<double>(count);
            for (int k = 0; k < count; k++)
            {
                int pixel = pixels[start + k];
                columns[k] = pixel % camera.Width;
                rows[k] = pixel / camera.Width;
                AddFinite(known, depth[pixel]);
            }

            var item = new MeasuredObject
            {
                Value = value,
                PixelCount = count,
                ValidRatio = (double)known.Count / count,
                Center = MedianAtCenter(columns, rows, depth, camera.Width),
                Mean = known.Count > 0 ? MeanOf(known) : double.NaN
            };
            Array.Sort(columns);
            Array.Sort(rows);
            known.Sort();
            item.XMin = (int)columns[0];
            item.YMin = (int)rows[0];
            item.XMax = (int)columns[count - 1] + 1;
            item.YMax = (int)rows[count - 1] + 1;
            item.Median = LowerMedian(known);
            item.Min = known.Count > 0 ? known[0] : double.NaN;
            item.Max = known.Count > 0 ? known[known.Count - 1] : double.NaN;
            item.Position = camera.Unproject(LowerMedian(columns), LowerMedian(rows), item.Median);
            return item;
        }

        static double MedianAtCenter(double[] columns, double[] rows, float[] depth, int width)
        {
            double meanColumn = MeanOf(columns);
            double meanRow = MeanOf(rows);
            int nearest = 0;
            double least = double.PositiveInfinity;
            for (int k = 0; k < columns.Length; k++)
            {
                double dx = columns[k] - meanColumn, dy = rows[k] - meanRow;
                if (dx * dx + dy * dy < least)
                {
                    least = dx * dx + dy * dy;
                    nearest = k;
                }
            }

            var window = new List<double>();
            for (int k = 0; k < columns.Length; k++)
            {
                if (Math.Abs(columns[k] - columns[nearest]) <= WindowRadius
                    && Math.Abs(rows[k] - rows[nearest]) <= WindowRadius)
                {
                    AddFinite(window, depth[(int)rows[k] * width + (int)columns[k]]);
                }
            }

            window.Sort();
            return LowerMedian(window);
        }

        static void AddFinite(List<double> values, float value)
        {
            if (!float.IsNaN(value) && !float.IsInfinity(value))
            {
                values.Add(value);
            }
        }

        static double MeanOf(IList<double> values)
        {
            double sum = 0;
            for (int k = 0; k < values.Count; k++)
            {
                sum += values[k];
            }

            return sum / values.Count;
        }

        static double LowerMedian(IList<double> sorted)
        {
            return sorted.Count > 0 ? sorted[(sorted.Count - 1) / 2] : double.NaN;
        }
    }
}
