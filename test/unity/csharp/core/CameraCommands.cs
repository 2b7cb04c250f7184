using UnityDepthPerception;

static class CameraCommands
{
    public static void VerticalFov()
    {
        foreach (double[] x in Lines.Read())
        {
            Lines.Write(PinholeIntrinsics.FromVerticalFov(x[0], (int)x[1], (int)x[2], x[3]));
        }
    }

    public static void Physical()
    {
        foreach (double[] x in Lines.Read())
        {
            var lens = new PhysicalLens(x[0], x[1], x[2], x[3], x[4], (GateFit)(int)x[5]);
            Lines.Write(PinholeIntrinsics.FromPhysicalLens(lens, (int)x[6], (int)x[7]));
        }
    }

    public static void Projection()
    {
        foreach (double[] x in Lines.Read())
        {
            Lines.Write(PinholeIntrinsics.FromProjection(x[0], x[1], x[2], x[3], (int)x[4], (int)x[5]));
        }
    }

    public static void IntrinsicsFile(string path)
    {
        foreach (double[] x in Lines.Read())
        {
            var camera = new PinholeIntrinsics((int)x[0], (int)x[1], x[2], x[3], x[4], x[5]);
            AtomicFile.WriteText(path, CameraIntrinsicsData.Of(camera).ToJson() + "\n");
        }
    }
}
