using System;
using UnityEngine;
using UnityEngine.Experimental.Rendering;
using UnityEngine.Rendering;
using Object = UnityEngine.Object;

namespace UnityDepthPerception
{
    /// <summary>
    /// Renders a camera on purpose and reads back image, depth and ids without stopping the game. Pose, intrinsics
    /// and stamp are those of the very instant of rendering. Call <see cref="Request"/> from LateUpdate, after whatever
    /// moves the camera. It allocates nothing for a frame.
    /// </summary>
    public sealed class FrameCapture : IDisposable
    {
        const int BytesPerPixel = 4;

        readonly Camera _camera;
        readonly IFrameSink _sink;
        readonly RenderTexture _color;
        readonly DepthAndIdPass _pass;
        readonly FrameLedger _ledger;
        readonly FrameReadback[] _readbacks;
        readonly FrameParts _parts;
        int _lastFrame = -1;

        /// <summary>Makes the render targets and buffers.</summary>
        /// <param name="camera">The camera; its own target texture stays.</param>
        /// <param name="settings">Size and row orders.</param>
        /// <param name="parts">What to read back.</param>
        /// <param name="sink">Takes the frames.</param>
        /// <param name="inFlight">How many frames may be on their way at once.</param>
        /// <exception cref="NotSupportedException">The graphics API lacks what is needed; says what.</exception>
        public FrameCapture(
            Camera camera, CaptureSettings settings, FrameParts parts, IFrameSink sink, int inFlight = 4)
        {
            if (!SystemInfo.supportsAsyncGPUReadback)
            {
                throw new NotSupportedException(
                    "expected a graphics API that reads back asynchronously, got " + SystemInfo.graphicsDeviceType);
            }

            HdrpHistory.Keep(camera);
            Settings = settings;
            _camera = camera;
            _sink = sink;
            _parts = parts;
            int pixels = settings.width * settings.height;
            if ((parts & FrameParts.DepthAndId) != 0)
            {
                _pass = new DepthAndIdPass(settings.width, settings.height);
            }

            ValuesPerPixel = _pass != null ? _pass.ValuesPerPixel : 0;
            _color = ColorTarget(settings.width, settings.height);
            _ledger = new FrameLedger(inFlight, pixels * BytesPerPixel, pixels * ValuesPerPixel);
            _readbacks = new FrameReadback[inFlight];
            for (int place = 0; place < inFlight; place++)
            {
                _readbacks[place] = new FrameReadback(this, place);
            }
        }

        /// <summary>Size and row orders.</summary>
        public CaptureSettings Settings { get; }

        /// <summary>Frames by outcome so far.</summary>
        public FrameCounts Counts => _ledger.Counts;

        /// <summary>Why the last frame failed; null once one has arrived.</summary>
        public string LastFailure { get; private set; }

        /// <summary>The image, for whoever shows it.</summary>
        public RenderTexture ColorTexture => _color;

        /// <summary>Intrinsics of the last image.</summary>
        public PinholeIntrinsics Intrinsics { get; private set; }

        internal int ValuesPerPixel { get; }

        internal FrameLedger Ledger => _ledger;

        /// <summary>Format of the image: display-ready bytes in both colour spaces.</summary>
        public static GraphicsFormat ColorFormat => QualitySettings.activeColorSpace == ColorSpace.Linear
            ? GraphicsFormat.R8G8B8A8_SRGB
            : GraphicsFormat.R8G8B8A8_UNorm;

        /// <summary>
        /// Renders a frame and asks for its pixels. A frame is dropped if too many are on their way, and none is asked
        /// for twice in one frame of the game, as a paused editor would.
        /// </summary>
        /// <param name="stamp">When.</param>
        /// <returns>Whether it was rendered.</returns>
        public bool Request(FrameStamp stamp)
        {
            if (Time.frameCount == _lastFrame)
            {
                return false;
            }

            _lastFrame = Time.frameCount;
            RenderTexture shown = _camera.targetTexture;
            _camera.targetTexture = _color;
            if (!Settings.keepAspect)
            {
                _camera.ResetAspect();
            }

            try
            {
                return RenderAndRead(stamp);
            }
            finally
            {
                _camera.targetTexture = shown;
            }
        }

        /// <summary>The image of a frame.</summary>
        /// <param name="frame">The frame.</param>
        /// <param name="rgb">Takes three bytes for each pixel, upper row first.</param>
        public void CopyRgb(FrameRequest frame, byte[] rgb)
        {
            PixelRows.ToRgb(frame.Color, Settings.colorRows, Settings.width, Settings.height, rgb);
        }

        /// <summary>Planar depth of a frame [m]; +Inf where nothing was drawn.</summary>
        /// <param name="frame">The frame.</param>
        /// <param name="depth">Takes one number for each pixel, upper row first.</param>
        public void CopyDepth(FrameRequest frame, float[] depth)
        {
            PixelRows.ToDepth(
                frame.DepthAndId, ValuesPerPixel, Settings.depthRows, Settings.width, Settings.height, depth);
        }

        /// <summary>Instance image of a frame; value = id of the label + 1.</summary>
        /// <param name="frame">The frame.</param>
        /// <param name="ids">Takes one number for each pixel, upper row first.</param>
        public void CopyIds(FrameRequest frame, ushort[] ids)
        {
            PixelRows.ToIds(frame.DepthAndId, ValuesPerPixel, Settings.depthRows, Settings.width, Settings.height, ids);
        }

        /// <summary>Gives up what is on its way and frees the targets.</summary>
        public void Dispose()
        {
            _ledger.Abandon();

            // A target must not go while a read-back of it is pending.
            AsyncGPUReadback.WaitAllRequests();
            _color.Release();
            Object.Destroy(_color);
            if (_pass != null)
            {
                _pass.Dispose();
            }
        }

        internal void Fail(string reason)
        {
            LastFailure = reason;
        }

        internal void Deliver()
        {
            while (_ledger.TryPeek(out FrameRequest frame))
            {
                LastFailure = null;
                bool isSent = false;
                try
                {
                    isSent = _sink.TakeFrame(frame, this);
                }
                finally
                {
                    _ledger.Finish(isSent);
                }
            }
        }

        bool RenderAndRead(FrameStamp stamp)
        {
            Matrix4x4 projection = _camera.projectionMatrix, view = _camera.worldToCameraMatrix;
            Intrinsics = CameraReader.IntrinsicsOf(projection, Settings.width, Settings.height);
            RigidPose pose = CameraReader.OpticalPoseOf(_camera.transform);
            if (!_ledger.TryBegin(_parts, stamp, pose, Intrinsics, out int place, out long number))
            {
                return false;
            }

            bool isRendered = false;
            try
            {
                Render(view, projection, _readbacks[place], number);
                isRendered = true;
            }
            finally
            {
                if (!isRendered)
                {
                    _ledger.Settle(_ledger.Find(place, number), _parts, true);
                }
            }

            return true;
        }

        void Render(Matrix4x4 view, Matrix4x4 projection, FrameReadback readback, long number)
        {
            _camera.Render();
            readback.Begin(number);
            AsyncGPUReadback.Request(_color, 0, _color.graphicsFormat, readback.OnColor);
            if (_pass != null)
            {
                _pass.Render(view, projection, _camera.cullingMask);
                AsyncGPUReadback.Request(_pass.Target, 0, _pass.Target.graphicsFormat, readback.OnDepthAndId);
            }
        }

        static RenderTexture ColorTarget(int width, int height)
        {
            var target = new RenderTexture(width, height, 24, ColorFormat)
            {
                name = "Image",
                antiAliasing = 1,
                useMipMap = false,
                hideFlags = HideFlags.HideAndDontSave
            };
            target.Create();
            return target;
        }
    }
}
