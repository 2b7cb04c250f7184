using System;
using System.Collections.Generic;
using System.Linq;
using UnityDepthPerception;

static class DatasetCommands
{
    const int Width = 64;
    const int Height = 48;

    /// <summary>
    /// Writes images with synthetic pixels: a cube, a parallelepiped on it, one that is too small, sky.
    /// </summary>
    public static void Write(string folder, int count)
    {
        var camera = new PinholeIntrinsics(Width, Height, 51.5, 51.5, 31.5, 23.25);
        var writer = new DatasetWriter(folder, camera, "synthetic");
        for (int k = 0; k < count; k++)
        {
            string name = k.ToString("00000");
            if (!writer.Contains(name))
            {
                writer.Add(Frame(name, k));
            }
        }

        writer.Save();
        Lines.Write(writer.Count);
    }

    static DatasetFrame Frame(string name, int k)
    {
        var frame = new DatasetFrame
        {
            Name = name,
            Rgb = new byte[Width * Height * 3],
            Depth = new float[Width * Height],
            Ids = new ushort[Width * Height],
            Labels = new List<LabelEntry>
            {
                new LabelEntry(40, "red_cube"),
                new LabelEntry(7, "green_parallelepiped", 40),
                new LabelEntry(9, "blue_cube", 7)
            },
            Pose = new RigidPose(new Double3(0.5, -0.25 * k, 1.5), new DoubleQuaternion(-0.5, 0.5, -0.5, 0.5))
        };
        for (int pixel = 0; pixel < frame.Ids.Length; pixel++)
        {
            int u = pixel % Width, v = pixel / Width;
            frame.Depth[pixel] = v < 8 ? float.PositiveInfinity : 2 + 0.01f * v;
            frame.Rgb[3 * pixel] = (byte)(4 * u);
            frame.Rgb[3 * pixel + 1] = (byte)(5 * v);
            frame.Rgb[3 * pixel + 2] = (byte)k;
        }

        Fill(frame, 41, 10 + k % 5, 25, 20, 15, 1.25f);
        Fill(frame, 8, 14 + k % 5, 15, 8, 10, 1.5f);
        Fill(frame, 10, 50, 30, 1, 1, 1f);
        return frame;
    }

    static void Fill(DatasetFrame frame, ushort value, int x, int y, int width, int height, float depth)
    {
        for (int v = y; v < y + height; v++)
        {
            for (int u = x; u < x + width; u++)
            {
                frame.Ids[v * Width + u] = value;
                frame.Depth[v * Width + u] = depth + 0.001f * u;
            }
        }
    }

    /// <summary>First line: width, height, fx, fy, cx, cy; then ids; then depths (-1 = none).</summary>
    public static void Measure()
    {
        double[][] lines = Lines.Read().ToArray();
        double[] k = lines[0];
        var camera = new PinholeIntrinsics((int)k[0], (int)k[1], k[2], k[3], k[4], k[5]);
        ushort[] ids = lines[1].Select(x => (ushort)x).ToArray();
        float[] depth = lines[2].Select(x => x < 0 ? float.PositiveInfinity : (float)x).ToArray();
        foreach (MeasuredObject o in ObjectMeasurement.Measure(ids, depth, camera, 0))
        {
            Lines.Write(
                o.Value, o.XMin, o.YMin, o.XMax, o.YMax, o.PixelCount, o.ValidRatio, o.Center, o.Mean, o.Median, o.Min,
                o.Max, o.Position.X, o.Position.Y, o.Position.Z);
        }
    }
}
