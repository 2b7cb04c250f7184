using System;
using System.Collections.Generic;
using System.Globalization;

namespace UnityDepthPerception
{
    /// <summary>Checks whether a camera is fit for measurement, in sentences.</summary>
    public static class CameraAdvice
    {
        const double AspectTolerance = 1e-3;

        /// <summary>Adds a finding for everything that is wrong or odd.</summary>
        public static void Examine(CameraFacts facts, ICollection<Finding> findings)
        {
            ExamineProjection(facts, findings);
            ExamineMachine(facts, findings);
            if (!string.IsNullOrEmpty(facts.WarpingEffects))
            {
                Add(findings, Severity.Problem,
                    "Post effects bend the image (" + facts.WarpingEffects
                    + "), so that no pinhole intrinsics hold: switch them off for this camera.");
            }

            if (!facts.RunsInBackground)
            {
                Add(findings, Severity.Problem,
                    "Application.runInBackground is off, so nothing is sent while another window has the focus: set "
                    + "Player Settings > Resolution and Presentation > Run In Background.");
            }

            if (facts.WantsTruth && facts.Labels == 0)
            {
                Add(findings, Severity.Note,
                    "True instances are asked for, but no object has an ObjectLabel: all ids are 0.");
            }
        }

        static void ExamineProjection(CameraFacts facts, ICollection<Finding> findings)
        {
            if (facts.IsOrthographic)
            {
                Add(findings, Severity.Problem,
                    "The camera is orthographic, which has no intrinsics: set Projection to Perspective.");
                return;
            }

            if (!facts.HasFullRect)
            {
                Add(findings, Severity.Problem,
                    "The camera fills only a part of its target: set Viewport Rect to 0, 0, 1, 1.");
            }

            bool stretches = facts.IsPhysical && facts.GateFit == GateFit.None;
            double aspect = facts.M11 / facts.M00, expected = (double)facts.Width / facts.Height;
            if (stretches && Math.Abs(aspect - expected) > AspectTolerance * expected)
            {
                Add(findings, Severity.Note,
                    "Gate Fit is None and the sensor has other proportions than the image, so pixels are not square "
                    + "(fx is not fy); choose Horizontal or Vertical unless that is meant.");
            }
            else if (Math.Abs(aspect - expected) > AspectTolerance * expected)
            {
                Add(findings, Severity.Problem,
                    string.Format(
                        CultureInfo.InvariantCulture,
                        "Camera.aspect is {0:0.####}, but the image is {1} x {2} px ({3:0.####}), so it is "
                        + "stretched: call Camera.ResetAspect(), or untick Keep Aspect.",
                        aspect,
                        facts.Width,
                        facts.Height,
                        expected));
            }
        }

        static void ExamineMachine(CameraFacts facts, ICollection<Finding> findings)
        {
            if (!facts.HasAsyncReadback)
            {
                Add(findings, Severity.Problem,
                    "This graphics API cannot read images back without stopping the game "
                    + "(SystemInfo.supportsAsyncGPUReadback is false, as with OpenGL ES and -nographics): use "
                    + "Direct3D, Vulkan, Metal or OpenGL Core.");
            }

            if (facts.WantsTruth && !facts.HasFloatTargets)
            {
                Add(findings, Severity.Problem,
                    "This graphics API has no float render targets, so there is no true depth: use another one.");
            }

            if (facts.WantsTruth && !facts.HasDepthShader)
            {
                Add(findings, Severity.Problem,
                    "The shader Hidden/UnityDepthPerception/DepthAndId is missing or not supported here: install the "
                    + "package again; it must lie in a Resources folder to be part of a build.");
            }
        }

        static void Add(ICollection<Finding> findings, Severity severity, string text)
        {
            findings.Add(new Finding(severity, text));
        }
    }
}
