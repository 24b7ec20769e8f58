"""`cdk synth` and `cdk deploy` start here. docs/DEPLOY.md tells the options."""

from infra.node import use_node


def main() -> None:
    use_node()
    import aws_cdk as cdk  # starts Node.js, so only now

    from infra.app import application
    from infra.package import package
    from infra.settings import Deployment
    from infra.targets import TARGETS

    app = cdk.App()
    deployment = Deployment.of(app.node.try_get_context)
    application(deployment, app, package(TARGETS[deployment.architecture]))
    app.synth()


if __name__ == "__main__":
    main()
