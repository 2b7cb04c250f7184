using System;
using System.Collections.Generic;

namespace UnityEngine.Experimental.Rendering
{
    public enum GraphicsFormat
    {
        R8G8B8A8_SRGB = 4,
        R8G8B8A8_UNorm = 8,
        R32G32_SFloat = 50,
        R32G32B32A32_SFloat = 52
    }
}

namespace UnityEngine.Rendering
{
    public enum GraphicsDeviceType
    {
        Vulkan = 21
    }

    public enum ShadowCastingMode
    {
        Off,
        On,
        TwoSided,
        ShadowsOnly
    }

    public enum RenderQueue
    {
        Geometry = 2000,
        GeometryLast = 2500,
        Transparent = 3000
    }

    public struct RenderTargetIdentifier
    {
        internal RenderTexture Texture;

        public static implicit operator RenderTargetIdentifier(Texture texture)
        {
            return new RenderTargetIdentifier { Texture = (RenderTexture)texture };
        }
    }

    /// <summary>Notes what is to be done, and does it when it is executed.</summary>
    public sealed class CommandBuffer
    {
        readonly List<Action> _commands = new List<Action>();
        RenderTexture _target;
        Matrix4x4 _view;
        Matrix4x4 _projection;
        float _global;

        public string name { get; set; }

        public void Clear() => _commands.Clear();

        public void Release() => _commands.Clear();

        public void SetRenderTarget(RenderTargetIdentifier target)
        {
            _commands.Add(() => _target = target.Texture);
        }

        public void ClearRenderTarget(bool clearDepth, bool clearColor, Color color)
        {
            _commands.Add(() => StubGpu.Clear(_target, color));
        }

        public void SetViewProjectionMatrices(Matrix4x4 view, Matrix4x4 projection)
        {
            _commands.Add(() =>
            {
                _view = view;
                _projection = projection;
            });
        }

        public void SetGlobalFloat(int nameId, float value)
        {
            _commands.Add(() => _global = value);
        }

        public void DrawRenderer(Renderer renderer, Material material, int submeshIndex, int shaderPass)
        {
            _commands.Add(() => StubGpu.Draw(
                _target, renderer, _view, _projection, StubGpu.FlipsDepth,
                depth => new Color(depth, StubGpu.MixesUpIds ? 0 : _global, 0)));
        }

        internal void Run()
        {
            foreach (Action command in _commands)
            {
                command();
            }
        }
    }
}
