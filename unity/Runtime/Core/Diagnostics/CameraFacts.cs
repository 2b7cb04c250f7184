namespace UnityDepthPerception
{
    /// <summary>Properties of a camera, its target and the machine, which CameraAdvice checks.</summary>
    public struct CameraFacts
    {
        /// <summary>Width of the render target [px].</summary>
        public int Width;

        /// <summary>Height of the render target [px].</summary>
        public int Height;

        /// <summary>Row 0, column 0 of Camera.projectionMatrix.</summary>
        public double M00;

        /// <summary>Row 1, column 1 of Camera.projectionMatrix.</summary>
        public double M11;

        /// <summary>Whether Camera.orthographic is set.</summary>
        public bool IsOrthographic;

        /// <summary>Whether Camera.rect is (0, 0, 1, 1).</summary>
        public bool HasFullRect;

        /// <summary>Whether Camera.usePhysicalProperties is set.</summary>
        public bool IsPhysical;

        /// <summary>Camera.gateFit.</summary>
        public GateFit GateFit;

        /// <summary>Whether the depth and id shader was found and runs on this machine.</summary>
        public bool HasDepthShader;

        /// <summary>SystemInfo.supportsAsyncGPUReadback.</summary>
        public bool HasAsyncReadback;

        /// <summary>Whether a float target for depth and ids is supported.</summary>
        public bool HasFloatTargets;

        /// <summary>Application.runInBackground.</summary>
        public bool RunsInBackground;

        /// <summary>
        /// Names of active post effects that bend the image, such as lens distortion; null without.
        /// </summary>
        public string WarpingEffects;

        /// <summary>Objects labelled for true instances.</summary>
        public int Labels;

        /// <summary>Whether true depth or instances are asked for.</summary>
        public bool WantsTruth;
    }
}
