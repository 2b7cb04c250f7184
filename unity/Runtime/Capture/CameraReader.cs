using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>Reads a Unity camera in the words of the engine-free part.</summary>
    public static class CameraReader
    {
        const double ClosedFormTolerance = 0.01;

        /// <summary>Intrinsics from a projection matrix in OpenGL's convention (Camera.projectionMatrix).</summary>
        public static PinholeIntrinsics IntrinsicsOf(Matrix4x4 projection, int width, int height)
        {
            return PinholeIntrinsics.FromProjection(
                projection.m00, projection.m02, projection.m11, projection.m12, width, height);
        }

        /// <summary>The projection matrix that a camera has while it renders an image of some size.</summary>
        public static Matrix4x4 ProjectionOf(Camera camera, CaptureSettings settings)
        {
            RenderTexture shown = camera.targetTexture;
            RenderTexture target = RenderTexture.GetTemporary(settings.width, settings.height, 24);
            try
            {
                camera.targetTexture = target;
                if (!settings.keepAspect)
                {
                    camera.ResetAspect();
                }

                return camera.projectionMatrix;
            }
            finally
            {
                camera.targetTexture = shown;
                RenderTexture.ReleaseTemporary(target);
            }
        }

        /// <summary>
        /// Intrinsics of a camera in an image of some size: by closed form in double precision if that is what the
        /// camera renders with, else from its projection matrix.
        /// </summary>
        public static PinholeIntrinsics IntrinsicsOf(Camera camera, CaptureSettings settings)
        {
            PinholeIntrinsics closed = ClosedForm(camera, settings);
            PinholeIntrinsics rendered = IntrinsicsOf(ProjectionOf(camera, settings), settings.width, settings.height);
            return closed.IsCloseTo(rendered, ClosedFormTolerance) ? closed : rendered;
        }

        /// <summary>Pose of the optical frame of a camera; no scale of its parents enters.</summary>
        public static RigidPose OpticalPoseOf(Transform camera)
        {
            Vector3 p = camera.position;
            Quaternion q = camera.rotation;
            return AxisConversion.OpticalPose(p.x, p.y, p.z, q.x, q.y, q.z, q.w);
        }

        /// <summary>Properties of a camera that CameraAdvice checks.</summary>
        /// <param name="camera">The camera.</param>
        /// <param name="settings">Size of the image.</param>
        /// <param name="wantsTruth">Whether true depth or instances are asked for.</param>
        public static CameraFacts FactsOf(Camera camera, CaptureSettings settings, bool wantsTruth)
        {
            Shader shader = DepthAndIdPass.FindShader();
            Matrix4x4 projection = ProjectionOf(camera, settings);
            return new CameraFacts
            {
                Width = settings.width,
                Height = settings.height,
                M00 = projection.m00,
                M11 = projection.m11,
                IsOrthographic = camera.orthographic,
                HasFullRect = camera.rect == new Rect(0, 0, 1, 1),
                IsPhysical = camera.usePhysicalProperties,
                GateFit = (GateFit)(int)camera.gateFit,
                HasDepthShader = shader != null && shader.isSupported,
                HasAsyncReadback = SystemInfo.supportsAsyncGPUReadback,
                HasFloatTargets = DepthAndIdPass.HasFloatTargets(),
                RunsInBackground = Application.runInBackground,
                Labels = ObjectLabel.All.Count,
                WantsTruth = wantsTruth
            };
        }

        static PinholeIntrinsics ClosedForm(Camera camera, CaptureSettings settings)
        {
            int width = settings.width, height = settings.height;
            if (!camera.usePhysicalProperties)
            {
                double aspect = settings.keepAspect ? camera.aspect : 0;
                return PinholeIntrinsics.FromVerticalFov(camera.fieldOfView, width, height, aspect);
            }

            Vector2 sensor = camera.sensorSize, shift = camera.lensShift;
            var fit = (GateFit)(int)camera.gateFit;
            var lens = new PhysicalLens(camera.focalLength, sensor.x, sensor.y, shift.x, shift.y, fit);
            return PinholeIntrinsics.FromPhysicalLens(lens, width, height);
        }
    }
}
