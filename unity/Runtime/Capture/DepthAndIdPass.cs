using System;
using System.Collections.Generic;
using UnityEngine;
using UnityEngine.Rendering;
using Object = UnityEngine.Object;

namespace UnityDepthPerception
{
    /// <summary>
    /// Draws planar depth and object ids of a scene into one float target, with a command buffer of its own: the same
    /// in the built-in pipeline, URP and HDRP, and without anything to set up in them. Depth and id of one pixel come
    /// from one draw, so they never disagree.
    /// </summary>
    sealed class DepthAndIdPass : IDisposable
    {
        const string ShaderPath = "UnityDepthPerception/DepthAndId";
        const int LastOpaqueQueue = (int)RenderQueue.GeometryLast;
        static readonly int IdProperty = Shader.PropertyToID("_UnityDepthPerceptionId");

        readonly CommandBuffer _commands = new CommandBuffer { name = "Depth and ids" };
        readonly SceneRenderers _scene = new SceneRenderers();
        readonly List<LabelledRenderer> _drawn = new List<LabelledRenderer>();
        readonly List<Material> _materials = new List<Material>();
        readonly Plane[] _frustum = new Plane[6];
        readonly Material _material;

        /// <summary>Makes the target and the material.</summary>
        /// <exception cref="NotSupportedException">The shader is missing, or there are no float targets.</exception>
        public DepthAndIdPass(int width, int height)
        {
            Shader shader = FindShader();
            if (shader == null || !shader.isSupported)
            {
                throw new NotSupportedException(
                    "expected the shader Hidden/UnityDepthPerception/DepthAndId, but it is missing or not supported by "
                    + "this graphics API; install the package again");
            }

            RenderTextureFormat format = FloatFormat();
            ValuesPerPixel = format == RenderTextureFormat.RGFloat ? 2 : 4;
            _material = new Material(shader) { hideFlags = HideFlags.HideAndDontSave };
            Target = new RenderTexture(width, height, 24, format, RenderTextureReadWrite.Linear)
            {
                name = "Depth and ids",
                antiAliasing = 1,
                filterMode = FilterMode.Point,
                useMipMap = false,
                hideFlags = HideFlags.HideAndDontSave
            };
            Target.Create();
        }

        /// <summary>Depth [m] in the first and id in the second channel.</summary>
        public RenderTexture Target { get; }

        /// <summary>Channels of the target.</summary>
        public int ValuesPerPixel { get; }

        /// <summary>The shader, or null.</summary>
        public static Shader FindShader() => Resources.Load<Shader>(ShaderPath);

        /// <summary>Whether this machine has a float format to render into.</summary>
        public static bool HasFloatTargets()
        {
            return SystemInfo.SupportsRenderTextureFormat(RenderTextureFormat.RGFloat)
                || SystemInfo.SupportsRenderTextureFormat(RenderTextureFormat.ARGBFloat);
        }

        /// <summary>Draws the scene as a camera sees it.</summary>
        /// <param name="view">Camera.worldToCameraMatrix.</param>
        /// <param name="projection">
        /// Camera.projectionMatrix; the engine makes the graphics API's own form of it.
        /// </param>
        /// <param name="cullingMask">Camera.cullingMask.</param>
        public void Render(Matrix4x4 view, Matrix4x4 projection, int cullingMask)
        {
            _scene.Collect(cullingMask, _drawn);
            GeometryUtility.CalculateFrustumPlanes(projection * view, _frustum);
            _commands.Clear();

            // The target comes first: whether the engine flips the projection depends on it.
            _commands.SetRenderTarget(Target);
            _commands.ClearRenderTarget(true, true, Color.clear);
            _commands.SetViewProjectionMatrices(view, projection);
            foreach (LabelledRenderer item in _drawn)
            {
                if (GeometryUtility.TestPlanesAABB(_frustum, item.Renderer.bounds))
                {
                    Draw(item);
                }
            }

            Graphics.ExecuteCommandBuffer(_commands);
            _drawn.Clear();
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            _commands.Release();
            Target.Release();
            Object.Destroy(Target);
            Object.Destroy(_material);
        }

        void Draw(LabelledRenderer item)
        {
            _commands.SetGlobalFloat(IdProperty, item.Value);

            // Not sharedMesh.subMeshCount: with static batching the mesh is that of the whole batch.
            item.Renderer.GetSharedMaterials(_materials);
            for (int k = 0; k < _materials.Count; k++)
            {
                if (_materials[k] != null && _materials[k].renderQueue <= LastOpaqueQueue)
                {
                    _commands.DrawRenderer(item.Renderer, _material, k, 0);
                }
            }
        }

        static RenderTextureFormat FloatFormat()
        {
            if (!HasFloatTargets())
            {
                throw new NotSupportedException(
                    "expected a graphics API with float render targets, got " + SystemInfo.graphicsDeviceType);
            }

            return SystemInfo.SupportsRenderTextureFormat(RenderTextureFormat.RGFloat)
                ? RenderTextureFormat.RGFloat
                : RenderTextureFormat.ARGBFloat;
        }
    }
}
