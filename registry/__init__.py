"""Moorage: the interfaces of Amazon ECR and ECS on machines of your own."""

__version__ = "0.1.0"
