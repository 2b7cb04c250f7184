using System;
using Unity.Collections;
using UnityEngine.Rendering;

namespace UnityDepthPerception
{
    /// <summary>
    /// The two read-backs of one place of the ledger. Its callbacks are made once: a lambda for each frame would be
    /// garbage for each frame.
    /// </summary>
    sealed class FrameReadback
    {
        readonly FrameCapture _capture;
        readonly int _place;
        long _number;

        public FrameReadback(FrameCapture capture, int place)
        {
            _capture = capture;
            _place = place;
            OnColor = TakeColor;
            OnDepthAndId = TakeDepthAndId;
        }

        /// <summary>Takes the image.</summary>
        public Action<AsyncGPUReadbackRequest> OnColor { get; }

        /// <summary>Takes depth and ids.</summary>
        public Action<AsyncGPUReadbackRequest> OnDepthAndId { get; }

        /// <summary>Notes which request the next answers belong to.</summary>
        public void Begin(long number)
        {
            _number = number;
        }

        void TakeColor(AsyncGPUReadbackRequest answer)
        {
            FrameRequest frame = _capture.Ledger.Find(_place, _number);
            if (frame == null)
            {
                return;
            }

            bool isGood = IsGood(answer, "image", frame.Color.Length);
            if (isGood)
            {
                NativeArray<byte>.Copy(answer.GetData<byte>(), 0, frame.Color, 0, frame.Color.Length);
            }

            Settle(frame, FrameParts.Color, isGood);
        }

        void TakeDepthAndId(AsyncGPUReadbackRequest answer)
        {
            FrameRequest frame = _capture.Ledger.Find(_place, _number);
            if (frame == null)
            {
                return;
            }

            bool isGood = IsGood(answer, "depth and ids", frame.DepthAndId.Length * sizeof(float));
            if (isGood)
            {
                NativeArray<float>.Copy(answer.GetData<float>(), 0, frame.DepthAndId, 0, frame.DepthAndId.Length);
            }

            Settle(frame, FrameParts.DepthAndId, isGood);
        }

        bool IsGood(AsyncGPUReadbackRequest answer, string what, int expectedBytes)
        {
            if (answer.hasError)
            {
                _capture.Fail("the GPU did not give back the " + what);
                return false;
            }

            if (answer.layerDataSize != expectedBytes)
            {
                _capture.Fail(
                    "expected " + expectedBytes + " bytes of " + what + ", got " + answer.layerDataSize
                    + ": the target has another size or format");
                return false;
            }

            return true;
        }

        void Settle(FrameRequest frame, FrameParts part, bool isGood)
        {
            _capture.Ledger.Settle(frame, part, !isGood);
            _capture.Deliver();
        }
    }
}
