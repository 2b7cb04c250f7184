using UnityDepthPerception;

static class AxisCommands
{
    /// <summary>
    /// Position and rotation of Unity in; of the optical frame, of the body, and of the body taken back out.
    /// </summary>
    public static void Run()
    {
        foreach (double[] p in Lines.Read())
        {
            RigidPose o = AxisConversion.OpticalPose(p[0], p[1], p[2], p[3], p[4], p[5], p[6]);
            DoubleQuaternion q = o.Orientation, body = AxisConversion.ToFlu(p[3], p[4], p[5], p[6]);
            DoubleQuaternion again = AxisConversion.ToUnity(body);
            Double3 back = AxisConversion.ToUnity(o.Position);
            Double3 optical = AxisConversion.ToOptical(p[0], p[1], p[2]), local = AxisConversion.FromOptical(optical);
            Lines.Write(
                o.Position.X, o.Position.Y, o.Position.Z, q.X, q.Y, q.Z, q.W, body.X, body.Y, body.Z, body.W,
                back.X, back.Y, back.Z, again.X, again.Y, again.Z, again.W, optical.X, optical.Y, optical.Z,
                local.X, local.Y, local.Z);
        }
    }
}
