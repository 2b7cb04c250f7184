namespace UnityDepthPerception
{
    /// <summary>A box along Unity's world axes (y up) [m], such as Renderer.bounds.</summary>
    public readonly struct WorldBounds
    {
        /// <summary>Least coordinates.</summary>
        public readonly Double3 Min;

        /// <summary>Greatest coordinates.</summary>
        public readonly Double3 Max;

        /// <summary>Makes bounds.</summary>
        public WorldBounds(Double3 min, Double3 max)
        {
            Min = min;
            Max = max;
        }
    }
}
