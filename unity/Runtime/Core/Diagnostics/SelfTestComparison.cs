using System;
using System.Collections.Generic;
using System.Globalization;

namespace UnityDepthPerception
{
    /// <summary>
    /// Compares what was read back of the markers with where the intrinsics put them: row order of both targets, signs,
    /// intrinsics, depth and ids at once.
    /// </summary>
    public static class SelfTestComparison
    {
        const double ColorTolerance = 1.0;
        const double IdTolerance = 0.3;
        const double DepthTolerance = 2e-3;

        /// <summary>Adds a finding for each marker and target, and one if all is well.</summary>
        /// <param name="rgb">Image, upper row first by the configured row order.</param>
        /// <param name="depth">Planar depth [m], same order.</param>
        /// <param name="ids">Instance image, same order.</param>
        /// <param name="camera">Intrinsics that the markers were placed by.</param>
        /// <param name="markers">The markers.</param>
        /// <param name="findings">Takes the findings.</param>
        public static void Compare(
            byte[] rgb,
            float[] depth,
            ushort[] ids,
            PinholeIntrinsics camera,
            SelfTestMarker[] markers,
            ICollection<Finding> findings)
        {
            int before = findings.Count;
            foreach (SelfTestMarker marker in markers)
            {
                int width = camera.Width;
                MarkerCentroid color = MarkerCentroid.OfColor(rgb, width, marker.Channel);
                ComparePlace("The image", "Color Rows", color, ColorTolerance, camera, marker, findings);
                MarkerCentroid id = MarkerCentroid.OfId(ids, width, marker.Value);
                ComparePlace("Depth and ids", "Depth Rows", id, IdTolerance, camera, marker, findings);
                CompareDepth(depth, ids, camera, marker, findings);
            }

            if (findings.Count == before)
            {
                findings.Add(new Finding(
                    Severity.Good, "Rows, signs, intrinsics, depth and ids of this camera agree on this machine."));
            }
        }

        static void ComparePlace(
            string target,
            string option,
            MarkerCentroid found,
            double tolerance,
            PinholeIntrinsics camera,
            SelfTestMarker marker,
            ICollection<Finding> findings)
        {
            if (found.Count == 0)
            {
                Add(
                    findings,
                    target + ": marker " + marker.Value + " was drawn, but none of its pixels came back. Does "
                    + "something else cover the camera, is its Culling Mask changed while it renders, or does exposure "
                    + "(HDRP) or a post effect take the colours away?");
                return;
            }

            double mirroredU = camera.Width - 1 - marker.U, mirroredV = camera.Height - 1 - marker.V;
            if (found.IsNear(marker.U, marker.V, tolerance))
            {
                return;
            }

            if (found.IsNear(marker.U, mirroredV, 2 + tolerance))
            {
                Add(findings, target + " came back upside down: change " + option + ".");
            }
            else if (found.IsNear(mirroredU, marker.V, 2 + tolerance))
            {
                Add(findings, target + " came back mirrored: the projection matrix of this camera is not Unity's own.");
            }
            else
            {
                Add(findings, string.Format(
                    CultureInfo.InvariantCulture,
                    "{0}: marker {1} was expected at pixel {2}, {3}, but is at {4:0.00}, {5:0.00}: the intrinsics are "
                    + "not those that the image was rendered with (aspect, jitter, lens effects, render scale?).",
                    target, marker.Value, marker.U, marker.V, found.U, found.V));
            }
        }

        static void CompareDepth(
            float[] depth, ushort[] ids, PinholeIntrinsics camera, SelfTestMarker marker, ICollection<Finding> findings)
        {
            double sum = 0;
            int count = 0;
            for (int k = 0; k < ids.Length; k++)
            {
                if (ids[k] == marker.Value)
                {
                    sum += depth[k];
                    count++;
                }
            }

            if (count == 0 || Math.Abs(sum / count - marker.Depth) <= DepthTolerance * marker.Depth)
            {
                return;
            }

            Double3 ray = camera.Unproject(marker.U, marker.V, 1);
            double range = marker.Depth * Math.Sqrt(ray.X * ray.X + ray.Y * ray.Y + 1);
            bool isRange = Math.Abs(sum / count - range) <= DepthTolerance * range;
            Add(findings, string.Format(
                CultureInfo.InvariantCulture,
                "Depth of marker {0}: expected {1:0.0000} m, got {2:0.0000} m{3}.",
                marker.Value, marker.Depth, sum / count, isRange ? ", which is its range and not planar depth" : ""));
        }

        static void Add(ICollection<Finding> findings, string text)
        {
            findings.Add(new Finding(Severity.Problem, text));
        }
    }
}
