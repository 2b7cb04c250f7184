using System;
using System.Linq;
using UnityDepthPerception;

static class MiscellaneousCommands
{
    public static void Stamps()
    {
        foreach (double[] x in Lines.Read())
        {
            FrameStamp stamp = FrameStamp.FromSeconds(x[0]);
            Lines.Write(stamp.Seconds, stamp.Nanoseconds);
        }

        FrameStamp utc = FrameStamp.FromUtc(new DateTime(2026, 11, 28, 12, 0, 0, DateTimeKind.Utc).AddTicks(12345678));
        Lines.Write(utc.Seconds, utc.Nanoseconds);
    }

    public static void Palette()
    {
        foreach (double[] x in Lines.Read())
        {
            IdPalette.ToColor((int)x[0], out byte red, out byte green, out byte blue);
            Lines.Write(red, green, blue, IdPalette.ToId(red, green, blue));
        }
    }

    public static void Layouts(int count)
    {
        for (int index = 0; index < count; index++)
        {
            var layout = new BoxSceneLayout(11, index, 0.07);
            Lines.Write(index, layout.Eye.X, layout.Eye.Y, layout.Eye.Z, layout.LookAt.X, layout.LookAt.Y, layout.LookAt.Z);
            for (int k = 0; k < layout.Boxes.Count; k++)
            {
                BoxSpec b = layout.Boxes[k];
                Lines.Write(
                    index, k, b.Parent, Array.IndexOf(BoxSceneLayout.Colors, b.Color), b.Shape == "cube" ? 1 : 0,
                    b.Center.X, b.Center.Y, b.Center.Z, b.Size.X, b.Size.Y, b.Size.Z, b.YawDegrees);
            }
        }
    }

    /// <summary>Each line: bounds of one object.</summary>
    public static void Parents()
    {
        WorldBounds[] bounds = Lines.Read()
            .Select(x => new WorldBounds(new Double3(x[0], x[1], x[2]), new Double3(x[3], x[4], x[5]))).ToArray();
        for (int k = 0; k < bounds.Length; k++)
        {
            Lines.Write(ContactParents.CarrierOf(bounds, bounds.Length, k, 0.01));
        }
    }

    public static void FitLetterbox()
    {
        foreach (double[] x in Lines.Read())
        {
            var box = new Letterbox((int)x[0], (int)x[1], (int)x[2], (int)x[3]);
            Lines.Write(box.X(0), box.Y(0), box.X(x[0]), box.Y(x[1]));
        }
    }

    /// <summary>Each line: now, has thread, has error, has received.</summary>
    public static void Watch()
    {
        var watch = new ConnectionWatch();
        foreach (double[] x in Lines.Read())
        {
            bool hasChanged = watch.Update(x[0], x[1] > 0, x[2] > 0, x[3] > 0);
            Console.WriteLine((hasChanged ? "* " : "  ") + watch.Describe("10.0.0.9", 10000));
        }
    }

    /// <summary>A 2 x 3 image by both row orders.</summary>
    public static void Rows()
    {
        byte[] rgba = Enumerable.Range(0, 24).Select(x => (byte)x).ToArray();
        float[] pairs = { 1, 5, 2, 6, 3, 7, 0, 0, 4, 65535, 9, 8 };
        foreach (RowOrder order in new[] { RowOrder.BottomFirst, RowOrder.TopFirst })
        {
            var rgb = new byte[18];
            var depth = new float[6];
            var ids = new ushort[6];
            PixelRows.ToRgb(rgba, order, 2, 3, rgb);
            PixelRows.ToDepth(pairs, 2, order, 2, 3, depth);
            PixelRows.ToIds(pairs, 2, order, 2, 3, ids);
            Lines.Write(rgb.Select(x => (double)x).ToArray());
            Console.WriteLine(string.Join(" ", depth.Select(x => float.IsInfinity(x) ? "inf" : ((int)x).ToString()).ToArray()));
            Lines.Write(ids.Select(x => (double)x).ToArray());
        }
    }

    /// <summary>Images of 2 and of 3 rows, turned upside down.</summary>
    public static void Flip()
    {
        foreach (int rows in new[] { 2, 3 })
        {
            byte[] pixels = Enumerable.Range(0, 2 * rows).Select(x => (byte)x).ToArray();
            PixelRows.Flip(pixels, 2);
            Lines.Write(pixels.Select(x => (double)x).ToArray());
        }
    }

    public static void Json()
    {
        Console.WriteLine(
            new JsonWriter().BeginObject()
                .Name("I\u0131\u2212\"\\\n\ud83d\ude00").Value("TITLE \u0130\t\u0001")
                .Name("numbers").BeginArray()
                .Value(0.1).Value(-1234567.891).Value(1e-300).Value(double.NaN).Value(double.NegativeInfinity).Value(-7)
                .Value(5e20).EndArray()
                .Name("none").Value((string)null).Name("empty").BeginObject().EndObject()
                .EndObject());
    }
}
