// Stand-ins for NUnit and Unity's Test Framework, to compile against.
using System;

namespace NUnit.Framework
{
    public static class Assert
    {
        public static void IsNotNull(object value, string message)
        {
        }

        public static void AreNotEqual(object expected, object actual, string message)
        {
        }
    }
}

namespace UnityEngine.TestTools
{
    [AttributeUsage(AttributeTargets.Method)]
    public sealed class UnityTestAttribute : Attribute
    {
    }
}
