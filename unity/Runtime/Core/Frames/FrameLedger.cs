using System;

namespace UnityDepthPerception
{
    /// <summary>
    /// Bookkeeping of frames between rendering and publishing. Read-backs of one frame arrive late, in any order, or
    /// fail; what belongs together is found by request number, and frames are handed out whole and in the order in
    /// which they were rendered. All buffers are made once. Not thread-safe: read-backs complete on the main thread.
    /// </summary>
    public sealed class FrameLedger
    {
        readonly FrameRequest[] _ring;
        int _oldest;
        int _inFlight;
        long _requested;
        long _sent;
        long _dropped;
        long _failed;

        /// <summary>Makes a ledger with its buffers.</summary>
        /// <param name="capacity">How many frames may be on their way at once.</param>
        /// <param name="colorBytes">Bytes of an image as it is read back; 0 without.</param>
        /// <param name="depthAndIdValues">Numbers of depth and ids as they are read back; 0 without.</param>
        public FrameLedger(int capacity, int colorBytes, int depthAndIdValues)
        {
            if (capacity < 1)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(capacity), "expected room for at least 1 frame, got " + capacity);
            }

            _ring = new FrameRequest[capacity];
            for (int k = 0; k < capacity; k++)
            {
                _ring[k] = new FrameRequest(colorBytes, depthAndIdValues);
            }
        }

        /// <summary>Frames by outcome so far.</summary>
        public FrameCounts Counts => new FrameCounts(_requested, _sent, _dropped, _failed);

        /// <summary>Whether a frame would be dropped if it were asked for now.</summary>
        public bool IsFull => _inFlight == _ring.Length;

        /// <summary>The frames' places, for whoever keeps something beside each.</summary>
        public int Capacity => _ring.Length;

        /// <summary>
        /// Asks for a frame. False: too many are on their way, and this one is counted as dropped; render nothing.
        /// </summary>
        /// <param name="parts">What will be read back.</param>
        /// <param name="stamp">When it is rendered.</param>
        /// <param name="pose">Pose of the optical frame.</param>
        /// <param name="intrinsics">Intrinsics it is rendered with.</param>
        /// <param name="place">Index of the frame's place, below <see cref="Capacity"/>; -1 if it was dropped.</param>
        /// <param name="number">The request's number.</param>
        public bool TryBegin(
            FrameParts parts,
            FrameStamp stamp,
            RigidPose pose,
            PinholeIntrinsics intrinsics,
            out int place,
            out long number)
        {
            number = ++_requested;
            place = -1;
            if (IsFull)
            {
                _dropped++;
                return false;
            }

            place = (_oldest + _inFlight) % _ring.Length;
            _inFlight++;
            FrameRequest request = _ring[place];
            request.Number = number;
            request.Stamp = stamp;
            request.Pose = pose;
            request.Intrinsics = intrinsics;
            request.Expected = parts;
            request.Settled = FrameParts.None;
            request.HasFailed = false;
            return true;
        }

        /// <summary>
        /// The frame that a read-back belongs to, to copy its pixels into; null if it was given up in the meantime.
        /// </summary>
        public FrameRequest Find(int place, long number)
        {
            int position = (place - _oldest + _ring.Length) % _ring.Length;
            FrameRequest request = _ring[place];
            return position < _inFlight && request.Number == number ? request : null;
        }

        /// <summary>Notes that a part has been copied into its frame, or that its read-back failed.</summary>
        public void Settle(FrameRequest request, FrameParts part, bool hasFailed)
        {
            request.Settled |= part;
            request.HasFailed |= hasFailed;
            RemoveFailed();
        }

        /// <summary>
        /// Gives the oldest frame if it is whole. It stays untouched until <see cref="Finish"/>.
        /// </summary>
        public bool TryPeek(out FrameRequest request)
        {
            request = _inFlight > 0 && _ring[_oldest].IsSettled ? _ring[_oldest] : null;
            return request != null;
        }

        /// <summary>Counts the frame that <see cref="TryPeek"/> gave as sent or dropped, and frees its place.</summary>
        public void Finish(bool isSent)
        {
            if (_inFlight == 0)
            {
                return; // given up while it was being handed out
            }

            if (isSent)
            {
                _sent++;
            }
            else
            {
                _dropped++;
            }

            RemoveOldest();
            RemoveFailed();
        }

        /// <summary>
        /// Gives up all frames on their way; they count as failed, and their read-backs find no frame.
        /// </summary>
        public void Abandon()
        {
            _failed += _inFlight;
            _oldest = (_oldest + _inFlight) % _ring.Length;
            _inFlight = 0;
        }

        void RemoveFailed()
        {
            while (_inFlight > 0 && _ring[_oldest].IsSettled && _ring[_oldest].HasFailed)
            {
                _failed++;
                RemoveOldest();
            }
        }

        void RemoveOldest()
        {
            _oldest = (_oldest + 1) % _ring.Length;
            _inFlight--;
        }
    }
}
