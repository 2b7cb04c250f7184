using System;

namespace UnityDepthPerception
{
    /// <summary>Whether boxes that are turned about the vertical axis touch.</summary>
    static class BoxFootprint
    {
        /// <summary>
        /// Whether two boxes come nearer to each other than a gap [m] (separating axes of two rectangles).
        /// </summary>
        public static bool Collide(BoxSpec a, BoxSpec b, double gap)
        {
            if (Math.Abs(a.Center.Y - b.Center.Y) >= (a.Size.Y + b.Size.Y) / 2 - 1e-9)
            {
                return false;
            }

            return !IsApart(a, b, a.YawDegrees, gap) && !IsApart(a, b, a.YawDegrees + 90, gap)
                && !IsApart(a, b, b.YawDegrees, gap) && !IsApart(a, b, b.YawDegrees + 90, gap);
        }

        static bool IsApart(BoxSpec a, BoxSpec b, double axisDegrees, double gap)
        {
            double angle = axisDegrees * Math.PI / 180;
            double x = Math.Cos(angle), z = -Math.Sin(angle);
            double distance = Math.Abs((b.Center.X - a.Center.X) * x + (b.Center.Z - a.Center.Z) * z);
            return distance >= Reach(a, axisDegrees) + Reach(b, axisDegrees) + gap;
        }

        static double Reach(BoxSpec box, double axisDegrees)
        {
            double angle = (axisDegrees - box.YawDegrees) * Math.PI / 180;
            return (Math.Abs(Math.Cos(angle)) * box.Size.X + Math.Abs(Math.Sin(angle)) * box.Size.Z) / 2;
        }
    }
}
