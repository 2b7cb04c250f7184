using System.Collections.Generic;
using UnityDepthPerception;

/// <summary>
/// A renderer of the self-test's markers that can be told to make each mistake that the test is to find.
/// </summary>
static class DiagnosticCommands
{
    const int Width = 160;
    const int Height = 120;

    public static void Run(string mistake)
    {
        PinholeIntrinsics said = PinholeIntrinsics.FromVerticalFov(60, Width, Height);
        PinholeIntrinsics real = mistake == "half-pixel"
            ? new PinholeIntrinsics(Width, Height, said.Fx, said.Fy, said.Cx + 0.5, said.Cy)
            : mistake == "stretched"
                ? new PinholeIntrinsics(Width, Height, said.Fx * 1.1, said.Fy, said.Cx, said.Cy)
                : said;
        var rgb = new byte[Width * Height * 3];
        var depth = new float[Width * Height];
        var ids = new ushort[Width * Height];
        SelfTestMarker[] markers = SelfTestMarker.For(said, 0.3, 1000, 1, 2);
        for (int pixel = 0; pixel < ids.Length; pixel++)
        {
            depth[pixel] = float.PositiveInfinity;
            foreach (SelfTestMarker marker in markers)
            {
                Shade(mistake, real, said, marker, pixel, rgb, depth, ids);
            }
        }

        var findings = new List<Finding>();
        SelfTestComparison.Compare(rgb, depth, ids, said, markers, findings);
        Lines.Write(findings);
    }

    static void Shade(
        string mistake,
        PinholeIntrinsics real,
        PinholeIntrinsics said,
        SelfTestMarker marker,
        int pixel,
        byte[] rgb,
        float[] depth,
        ushort[] ids)
    {
        int u = pixel % Width, v = pixel / Width;
        double metres = marker.HalfSide / said.Fx * marker.Depth;
        Double3 middle = said.Unproject(marker.U, marker.V, marker.Depth);
        if (IsOn(mistake == "color-rows", mistake == "mirrored", real, middle, metres, u, v))
        {
            rgb[3 * pixel + marker.Channel] = 200;
        }

        if (mistake != "nothing" && IsOn(mistake == "depth-rows", mistake == "mirrored", real, middle, metres, u, v))
        {
            Double3 ray = real.Unproject(u, v, 1);
            double range = System.Math.Sqrt(ray.X * ray.X + ray.Y * ray.Y + 1);
            depth[pixel] = (float)(mistake == "range" ? marker.Depth * range : marker.Depth);
            ids[pixel] = (ushort)marker.Value;
        }
    }

    static bool IsOn(
        bool isFlipped, bool isMirrored, PinholeIntrinsics camera, Double3 middle, double metres, int u, int v)
    {
        Double3 p = camera.Unproject(isMirrored ? Width - 1 - u : u, isFlipped ? Height - 1 - v : v, middle.Z);
        return System.Math.Abs(p.X - middle.X) <= metres && System.Math.Abs(p.Y - middle.Y) <= metres;
    }

    /// <summary>Each line is one camera: aspect, orthographic, full rect, physical, gate fit, shader, read-back, float
    /// targets, background, labels, truth.</summary>
    public static void Advice()
    {
        foreach (double[] x in Lines.Read())
        {
            var facts = new CameraFacts
            {
                Width = 640,
                Height = 480,
                M00 = 1 / x[0],
                M11 = 1,
                IsOrthographic = x[1] > 0,
                HasFullRect = x[2] > 0,
                IsPhysical = x[3] > 0,
                GateFit = (GateFit)(int)x[4],
                HasDepthShader = x[5] > 0,
                HasAsyncReadback = x[6] > 0,
                HasFloatTargets = x[7] > 0,
                RunsInBackground = x[8] > 0,
                Labels = (int)x[9],
                WantsTruth = x[10] > 0
            };
            var findings = new List<Finding>();
            CameraAdvice.Examine(facts, findings);
            System.Console.WriteLine(findings.Count);
            Lines.Write(findings);
        }
    }
}
