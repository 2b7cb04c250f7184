using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using UnityDepthPerception;

/// <summary>Lines of numbers in and out, independent of the thread's culture.</summary>
static class Lines
{
    public static IEnumerable<double[]> Read()
    {
        string line;
        while ((line = Console.In.ReadLine()) != null)
        {
            yield return line.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToArray();
        }
    }

    public static void Write(params double[] numbers)
    {
        Console.Out.WriteLine(
            string.Join(" ", numbers.Select(x => x.ToString("R", CultureInfo.InvariantCulture)).ToArray()));
    }

    public static void Write(PinholeIntrinsics k) => Write(k.Fx, k.Fy, k.Cx, k.Cy, k.VerticalFovDegrees);

    public static void Write(IEnumerable<Finding> findings)
    {
        foreach (Finding finding in findings)
        {
            Console.Out.WriteLine(finding);
        }
    }
}
