using System;
using System.Collections.Generic;
using UnityDepthPerception;

/// <summary>
/// A GPU that answers late, in any order, or not at all, and a connection that takes or refuses frames. Each pixel
/// carries the number of its request.
/// </summary>
static class LedgerCommands
{
    sealed class Pending
    {
        public int Place;
        public long Number;
        public FrameParts Part;
    }

    public static void Run(int frames, int seed)
    {
        var random = new Random(seed);
        var ledger = new FrameLedger(3, 4, 2);
        var pending = new List<Pending>();
        long wrong = 0, lastSent = 0, checkedSums = 0;
        for (int frame = 0; frame < frames; frame++)
        {
            Begin(ledger, pending);
            for (int k = random.Next(0, 4); k > 0 && pending.Count > 0; k--)
            {
                Answer(ledger, pending, random);
                FrameRequest request;
                while (ledger.TryPeek(out request))
                {
                    wrong += IsWhole(request) && request.Number > lastSent ? 0 : 1;
                    lastSent = request.Number;
                    ledger.Finish(random.Next(10) > 0);
                }
            }

            if (random.Next(1000) == 0)
            {
                ledger.Abandon();
            }

            FrameCounts counts = ledger.Counts;
            checkedSums += counts.InFlight >= 0 && counts.InFlight <= ledger.Capacity ? 1 : 0;
        }

        ledger.Abandon();
        FrameCounts end = ledger.Counts;
        Lines.Write(end.Requested, end.Sent, end.Dropped, end.Failed, wrong, checkedSums);
    }

    /// <summary>Garbage collections while frames went through ledger and conversions.</summary>
    public static void Allocation(int frames)
    {
        const int Width = 2, Height = 1, Pixels = Width * Height;
        var ledger = new FrameLedger(3, 4 * Pixels, 2 * Pixels);
        var rgb = new byte[3 * Pixels];
        var depth = new float[Pixels];
        var ids = new ushort[Pixels];
        var bytes = new byte[4 * Pixels];
        int before = 0;
        for (int k = 0; k < frames + 10; k++)
        {
            before = k == 10 ? GC.CollectionCount(0) : before; // after everything has run once
            RigidPose pose = AxisConversion.OpticalPose(k, 0, 0, 0, 0, 0, 1);
            PinholeIntrinsics camera = PinholeIntrinsics.FromVerticalFov(60, Width, Height);
            FrameStamp stamp = FrameStamp.FromSeconds(0.1 * k);
            ledger.TryBegin(FrameParts.Color, stamp, pose, camera, out int place, out long number);
            ledger.Settle(ledger.Find(place, number), FrameParts.Color, k % 7 == 0);
            if (ledger.TryPeek(out FrameRequest request))
            {
                PixelRows.ToRgb(request.Color, RowOrder.BottomFirst, Width, Height, rgb);
                PixelRows.ToDepth(request.DepthAndId, 2, RowOrder.BottomFirst, Width, Height, depth);
                PixelRows.ToIds(request.DepthAndId, 2, RowOrder.BottomFirst, Width, Height, ids);
                PixelRows.ToBytes(depth, bytes);
                ledger.Finish(true);
            }
        }

        Lines.Write(GC.CollectionCount(0) - before, ledger.Counts.Sent);
    }

    /// <summary>Nothing but failures, and nobody who looks for a frame: places become free all the same.</summary>
    public static void OnlyFailures(int frames)
    {
        var ledger = new FrameLedger(3, 4, 2);
        var pending = new List<Pending>();
        for (int k = 0; k < frames; k++)
        {
            Begin(ledger, pending);
            foreach (Pending answer in pending)
            {
                ledger.Settle(ledger.Find(answer.Place, answer.Number), answer.Part, true);
            }

            pending.Clear();
        }

        FrameCounts counts = ledger.Counts;
        Lines.Write(counts.Requested, counts.Sent, counts.Dropped, counts.Failed, counts.InFlight);
    }

    static void Begin(FrameLedger ledger, List<Pending> pending)
    {
        long next = ledger.Counts.Requested + 1;
        var parts = FrameParts.Color | FrameParts.DepthAndId;
        var pose = new RigidPose(new Double3(next, 0, 0), new DoubleQuaternion(0, 0, 0, 1));
        var intrinsics = new PinholeIntrinsics(64, 48, next, next, 0, 0);
        if (ledger.TryBegin(parts, new FrameStamp((int)next, 7), pose, intrinsics, out int place, out long number))
        {
            pending.Add(new Pending { Place = place, Number = number, Part = FrameParts.Color });
            pending.Add(new Pending { Place = place, Number = number, Part = FrameParts.DepthAndId });
        }
    }

    static void Answer(FrameLedger ledger, List<Pending> pending, Random random)
    {
        int chosen = random.Next(pending.Count);
        Pending answer = pending[chosen];
        pending.RemoveAt(chosen);
        FrameRequest request = ledger.Find(answer.Place, answer.Number);
        if (request == null)
        {
            return;
        }

        bool hasFailed = random.Next(20) == 0;
        if (!hasFailed && answer.Part == FrameParts.Color)
        {
            BitConverter.GetBytes((int)answer.Number).CopyTo(request.Color, 0);
        }
        else if (!hasFailed)
        {
            request.DepthAndId[0] = answer.Number;
            request.DepthAndId[1] = -answer.Number;
        }

        ledger.Settle(request, answer.Part, hasFailed);
    }

    static bool IsWhole(FrameRequest request)
    {
        long n = request.Number;
        return request.Stamp.Seconds == n && request.Pose.Position.X == n && request.Intrinsics.Fx == n
            && BitConverter.ToInt32(request.Color, 0) == n && request.DepthAndId[0] == n && request.DepthAndId[1] == -n;
    }
}
