using System;
using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>
    /// Materials of the package's own shader, which looks the same in every pipeline and in every build.
    /// </summary>
    static class SimpleMaterials
    {
        const string ShaderPath = "UnityDepthPerception/FlatShaded";

        /// <summary>A coloured material.</summary>
        /// <param name="color">Its colour.</param>
        /// <param name="shading">How much of the light comes from the sun; 0: a plain colour.</param>
        public static Material Flat(Color color, float shading)
        {
            Shader shader = Resources.Load<Shader>(ShaderPath);
            if (shader == null)
            {
                throw new NotSupportedException(
                    "expected the shader UnityDepthPerception/FlatShaded, but it is missing; "
                    + "install the package again");
            }

            var material = new Material(shader) { color = color };
            material.SetFloat("_Shading", shading);
            return material;
        }
    }
}
