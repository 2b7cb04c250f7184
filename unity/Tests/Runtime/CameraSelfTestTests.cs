using System.Collections;
using System.Collections.Generic;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.TestTools;

namespace UnityDepthPerception.Tests
{
    /// <summary>
    /// "Test this camera" as a test of the Test Runner (play mode): rows, signs, intrinsics, depth and ids in the
    /// pipeline and graphics API of the project that it runs in.
    /// </summary>
    public sealed class CameraSelfTestTests
    {
        const int MostFrames = 300;

        [UnityTest]
        public IEnumerator PerspectiveCameraAgreesWithItsIntrinsics()
        {
            return Test(camera => camera.fieldOfView = 53);
        }

        [UnityTest]
        public IEnumerator PhysicalCameraWithLensShiftAgreesWithItsIntrinsics()
        {
            return Test(camera =>
            {
                camera.usePhysicalProperties = true;
                camera.gateFit = Camera.GateFitMode.Overscan;
                camera.lensShift = new Vector2(0.1f, -0.05f);
            });
        }

        static IEnumerator Test(System.Action<Camera> setUp)
        {
            var holder = new GameObject("Camera");
            Camera camera = holder.AddComponent<Camera>();
            camera.transform.SetPositionAndRotation(new Vector3(3, 2, -7), Quaternion.Euler(20, 40, 5));
            setUp(camera);
            CameraTestRunner runner = holder.AddComponent<CameraTestRunner>();
            runner.TestOnStart = false;
            runner.Image = CaptureSettings.OfSize(320, 200);
            IReadOnlyList<Finding> found = null;
            runner.Tested += findings => found = findings;
            runner.TestThisCamera();
            for (int frame = 0; frame < MostFrames && found == null; frame++)
            {
                yield return null;
            }

            Object.Destroy(holder);
            Assert.IsNotNull(found, "the test did not end");
            foreach (Finding finding in found)
            {
                Assert.AreNotEqual(Severity.Problem, finding.Severity, finding.Text);
            }
        }
    }
}
