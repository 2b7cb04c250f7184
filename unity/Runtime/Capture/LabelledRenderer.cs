using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>Renderer with its value in the instance image.</summary>
    readonly struct LabelledRenderer
    {
        /// <summary>What to draw.</summary>
        public readonly Renderer Renderer;

        /// <summary>Id of the label + 1; 0 = none.</summary>
        public readonly int Value;

        public LabelledRenderer(Renderer renderer, int value)
        {
            Renderer = renderer;
            Value = value;
        }
    }
}
